// Writes README's table of settings from the table in src/config/settings.ts; with --check it only says whether they differ.
import { readFileSync, writeFileSync } from "node:fs";
import { SETTING_GROUPS, type Setting } from "../src/config/settings.ts";

const README = new URL("../README.md", import.meta.url);
const START = "<!-- settings:start (written by scripts/docs.ts) -->";
const END = "<!-- settings:end -->";

function row({ name, default: value, values, doc }: Setting): string {
  const allowed = values === undefined ? "" : ` One of ${values.map((one) => `\`${one}\``).join(", ")}.`;
  return `| \`${name}\` | ${value === undefined ? "" : `\`${value}\``} | ${doc.replaceAll("|", "\\|")}${allowed} |`;
}

function table(): string {
  return SETTING_GROUPS.map(
    ({ title, settings }) =>
      `### ${title}\n\n| variable | default | meaning |\n| --- | --- | --- |\n${settings.map(row).join("\n")}\n`,
  ).join("\n");
}

const before = readFileSync(README, "utf8");
const [head, rest] = before.split(START);
const tail = rest?.split(END)[1];
if (head === undefined || tail === undefined) throw new Error(`README.md lacks the marks ${START} and ${END}`);
const after = `${head}${START}\n\n${table()}\n${END}${tail}`;

if (!process.argv.includes("--check")) writeFileSync(README, after);
else if (after !== before) {
  console.error("README.md: the settings table differs from src/config/settings.ts; run `npm run fix`");
  process.exitCode = 1;
}
