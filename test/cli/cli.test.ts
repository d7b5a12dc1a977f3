// `npx redtrail` as it is built: exit codes, messages, and what it writes.
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function run(cwd: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(root, "dist/cli.cjs"), ...args], { cwd, encoding: "utf8" });
}

for (const [args, code, out, error] of [
  [["help"], 0, /new instrumentation NAME \[--esm \| --typescript\] {2}writes a plug-in/, ""],
  [[], 0, /npx redtrail COMMAND/, ""],
  [["--version"], 0, /^\d+\.\d+\.\d+\n$/, ""],
  [["hepl"], 2, /^$/, '"hepl" is no command (did you mean "help"?); "npx redtrail help" has them all'],
  [["xyz"], 2, /^$/, '"xyz" is no command; "npx redtrail help" has them all'],
  [["new"], 2, /^$/, '"new" is no command (did you mean "new instrumentation"?); "npx redtrail help" has them all'],
  [["new", "instrumentation"], 2, /^$/, "one name is needed: that of the package to instrument"],
  [["new", "instrumentation", "a", "b"], 2, /^$/, "one name is needed: that of the package to instrument"],
  [["new", "instrumentation", "../a"], 2, /^$/, '"../a" is no name of a package'],
  [["new", "instrumentation", "a/b"], 2, /^$/, '"a/b" is no name of a package'],
  [["new", "instrumentation", "a", "--es"], 2, /^$/, '"--es" is no option; there are --esm and --typescript'],
  [["new", "instrumentation", "a", "--esm", "--typescript"], 2, /^$/, "--esm and --typescript exclude each other"],
] as const) {
  test(`redtrail ${args.join(" ")} ends with ${code}`, (t) => {
    const folder = emptyFolder(t);
    const { status, stdout, stderr } = run(folder, ...args);
    assert.equal(stderr, error === "" ? "" : `redtrail: ${error}\n`);
    assert.match(stdout, out);
    assert.equal(status, code);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test("redtrail new instrumentation overwrites nothing", (t) => {
  const folder = emptyFolder(t);
  mkdirSync(join(folder, "instrumentation-lib"));
  writeFileSync(join(folder, "instrumentation-lib/index.js"), "mine");
  const { status, stderr } = run(folder, "new", "instrumentation", "lib");
  assert.equal(stderr, 'redtrail: "instrumentation-lib" is there already; nothing was changed\n');
  assert.equal(status, 1);
  assert.equal(readFileSync(join(folder, "instrumentation-lib/index.js"), "utf8"), "mine");
  assert.deepEqual(readdirSync(join(folder, "instrumentation-lib")), ["index.js"]);
});

for (const [flag, name, folderName] of [
  [undefined, "JSONStream", "instrumentation-jsonstream"],
  [undefined, "lib", "instrumentation-lib"],
  ["--esm", "@scope/lib", "instrumentation-scope-lib"],
  ["--typescript", "lib", "instrumentation-lib"],
] as const) {
  test(`The test that redtrail new instrumentation ${name} ${flag ?? ""} writes passes at once, and its types hold`, (t) => {
    const folder = emptyFolder(t);
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/redtrail"));
    symlinkSync(join(root, "node_modules/@types"), join(folder, "node_modules/@types"));
    const { status, stdout } = run(folder, "new", "instrumentation", name, ...(flag === undefined ? [] : [flag]));
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^${folderName} is written`));
    const written = join(folder, folderName);
    // Inside of a test run Node would take it for a part of that.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const tested = spawnSync(process.execPath, ["--test"], { cwd: written, encoding: "utf8", env });
    assert.match(tested.stdout, /pass 2\n[^]*fail 0\n/, tested.stdout + tested.stderr);
    if (flag !== "--typescript") return;
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const built = spawnSync(process.execPath, [tsc], { cwd: written, encoding: "utf8" });
    assert.equal(built.status, 0, built.stdout);
    assert.ok(readdirSync(join(written, "dist")).includes("index.js"));
  });
}

test("redtrail new instrumentation says that redtrail is to be installed where it is not", (t) => {
  const folder = emptyFolder(t);
  assert.match(run(folder, "new", "instrumentation", "lib").stdout, /\n {2}npm install\n {2}npm test\n/);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/redtrail"));
  assert.match(run(folder, "new", "instrumentation", "other").stdout, /other\n {2}npm test\n/);
});
