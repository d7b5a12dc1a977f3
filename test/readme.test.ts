// What README says is true: its snippets run, its scripts exist, its queries ask for what a scrape has.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, symlinkSync, mkdirSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { INSTRUMENTATIONS } from "../instrumentations/index.ts";
import { runApp, runToEnd } from "./support/run-app.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readme = readFileSync(join(root, "README.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "redtrail-readme-"));
after(() => rmSync(folder, { recursive: true, force: true }));

mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules/redtrail"));
symlinkSync(join(root, "node_modules/@opentelemetry"), join(folder, "node_modules/@opentelemetry"));

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] as string,
  );
}

for (const [index, snippet] of blocks("js").entries()) {
  test(`JavaScript snippet ${index + 1} runs`, async () => {
    const isModule = snippet.startsWith("import");
    const file = join(folder, `snippet-${index}.${isModule ? "mjs" : "cjs"}`);
    writeFileSync(file, snippet);
    const nodeArgs = isModule ? ["--require", "redtrail/register"] : [];
    const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: "http://127.0.0.1:1/" };
    const { code, stderr } = await runToEnd({ app: [file], cwd: folder, nodeArgs, env });
    assert.equal(code, 0, stderr);
  });
}

test("Every npm script that README and CONTRIBUTING name is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const text = readme + readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
  const names = [...text.matchAll(/npm (?:run ([\w:]+)|(test))/g)].map((match) => (match[1] ?? match[2]) as string);
  assert.ok(names.length > 5);
  for (const name of names) assert.ok(name in scripts, name);
});

test("Every metric that README names is in a scrape", async () => {
  const app = await runApp({ app: "http-app.mjs" });
  await (await fetch(`${app.url}/http`)).text();
  const text = await app.scrape();
  const named = [...readme.matchAll(/`((?:http|traces|otel|target)_[a-z_]+)`/g)].map((match) => match[1] as string);
  const metrics = named.filter((name) => /_(seconds|total|requests|info|size)$/.test(name));
  assert.ok(metrics.length >= 6);
  for (const name of metrics) assert.match(text, new RegExp(`^# TYPE ${name} `, "m"));
  for (const query of blocks("promql")
    .join("\n")
    .matchAll(/\b(http_\w+_(?:count|bucket))\b/g)) {
    assert.match(text, new RegExp(`^${query[1]}\\{`, "m"));
  }
  await app.stop("SIGKILL");
});

test("The start line is the one that README shows", async () => {
  const shown = /^redtrail: .*$/m.exec(blocks("").join("\n"))?.[0] ?? "";
  const port = "9464";
  const { stderr } = await runToEnd({ app: ["-e", "0"], env: { OTEL_SERVICE_NAME: "shop" } });
  assert.equal(stderr.trimEnd().replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`), shown);
});

test("README's table of what is instrumented has every instrumentation, and marks those that are off by default", () => {
  const section = readme.slice(readme.indexOf("## What is instrumented"), readme.indexOf("## Settings"));
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const listed = rows.flatMap((row) => {
    const cell = row.split("|")[1] as string;
    return [...cell.matchAll(/`([^`]+)`/g)].map((match) => [match[1], cell.includes("(off)")] as const);
  });
  assert.deepEqual(
    Object.fromEntries(listed),
    Object.fromEntries(INSTRUMENTATIONS.map(({ name, isOffByDefault = false }) => [name, isOffByDefault] as const)),
  );
});
