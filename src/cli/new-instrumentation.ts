// `redtrail new instrumentation NAME`: a folder with a plug-in, its test, a README and a package.json. Overwrites nothing.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { codeOf } from "../error-code.ts";
import { type ModuleStyle, filesOf } from "./templates.ts";

const STYLES: Readonly<Record<string, ModuleStyle>> = { "--esm": "esm", "--typescript": "typescript" };

/** npm's rules for names, in short; those of old packages may have capitals, as JSONStream's. */
const PACKAGE_NAME = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/i;

export function newInstrumentation(args: readonly string[]): number {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const [name, ...more] = args.filter((arg) => !arg.startsWith("-"));
  const unknown = flags.find((flag) => STYLES[flag] === undefined);
  if (unknown !== undefined)
    return fail(2, `"${unknown}" is no option; there are ${Object.keys(STYLES).join(" and ")}`);
  if (new Set(flags).size > 1) return fail(2, `${flags.join(" and ")} exclude each other`);
  if (name === undefined || more.length > 0) return fail(2, "one name is needed: that of the package to instrument");
  if (!PACKAGE_NAME.test(name)) return fail(2, `"${name}" is no name of a package`);

  const style = STYLES[flags[0] ?? ""] ?? "commonjs";
  const folder = `instrumentation-${name.replace(/^@/, "").replace("/", "-").toLowerCase()}`;
  try {
    // Throws when there is such a folder, or anything else of the name.
    mkdirSync(folder);
    for (const [file, text] of Object.entries(filesOf(name, folder, style))) {
      mkdirSync(join(folder, file, ".."), { recursive: true });
      writeFileSync(join(folder, file), text, { flag: "wx" });
    }
  } catch (error) {
    if (codeOf(error) === "EEXIST") return fail(1, `"${folder}" is there already; nothing was changed`);
    return fail(1, `"${folder}" could not be written in full (${codeOf(error)})`);
  }
  const install = hasRedtrail(folder) ? "" : "  npm install\n";
  process.stdout.write(
    `${folder} is written. Next:\n\n  cd ${folder}\n${install}  npm test\n\nREADME.md there says how to go on.\n`,
  );
  return 0;
}

/** Whether the test finds it there, without an installation. */
function hasRedtrail(folder: string): boolean {
  try {
    createRequire(resolve(folder, "index.js")).resolve("redtrail/testing");
    return true;
  } catch {
    return false;
  }
}

function fail(code: number, text: string): number {
  process.stderr.write(`redtrail: ${text}\n`);
  return code;
}
