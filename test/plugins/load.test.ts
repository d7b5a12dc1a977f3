import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { loadPlugins } from "../../src/plugins/load.ts";

const root = mkdtempSync(join(tmpdir(), "redtrail-load-"));
after(() => rmSync(root, { recursive: true, force: true }));
const app = join(root, "app");
const other = join(root, "other");

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function writePackage(path: string, manifest: object): void {
  write(`${path}/package.json`, JSON.stringify(manifest));
}

const propagator = (name: string): string =>
  `{ propagators: { "${name}": () => ({ inject() {}, extract: (context) => context, fields: () => [] }) } }`;

write("app/esm.mjs", `export default ${propagator("esm")};`);
write("app/common.cjs", `module.exports = ${propagator("common")};`);
write("other/elsewhere.cjs", `module.exports = ${propagator("elsewhere")};`);
writePackage("app/node_modules/only-import", { name: "only-import", type: "module", exports: { import: "./main.js" } });
write("app/node_modules/only-import/main.js", `export default ${propagator("only-import")};`);
writePackage("app/node_modules/@a/b", {
  name: "@a/b",
  exports: { "./sub": { node: { import: "./sub.mjs" }, browser: "./no.js" }, "./hidden": null },
});
write("app/node_modules/@a/b/sub.mjs", `export default ${propagator("sub")};`);
writePackage("app/folder", { main: "start.cjs" });
write("app/folder/start.cjs", `module.exports = ${propagator("folder")};`);

for (const [specifier, name] of [
  ["./esm.mjs", "esm"],
  ["./common", undefined],
  ["./common.cjs", "common"],
  [join(app, "common.cjs"), "common"],
  [pathToFileURL(join(app, "common.cjs")).href, "common"],
  ["./elsewhere.cjs", "elsewhere"],
  ["./folder", "folder"],
  ["only-import", "only-import"],
  ["@a/b/sub", "sub"],
  ["@a/b/hidden", undefined],
  ["only-import/main.js", undefined],
  ["not-there", undefined],
] as const) {
  test(`loadPlugins ${name === undefined ? "does not find" : "loads"} "${specifier}"`, () => {
    const { plugins, names, problems } = loadPlugins([specifier], [app, other]);
    assert.deepEqual([...plugins.propagators.keys()], name === undefined ? [] : [name]);
    assert.deepEqual(names["OTEL_PROPAGATORS"], name === undefined ? [] : [name]);
    assert.equal(problems.length, name === undefined ? 1 : 0, problems.join("\n"));
    if (name === undefined) assert.match(problems[0] ?? "", new RegExp(`^plug-in "${specifier}" cannot be used: `));
  });
}

test("loadPlugins leaves out what it cannot use of a plug-in, in one line each, and takes the rest", () => {
  write(
    "app/many.cjs",
    `module.exports = {
      name: "many",
      propagators: { "Good": () => 7, b3: () => 7, "no,name": () => 7, value: 7 },
      samplers: { xray: () => 7 },
      spanExporters: 7,
      spanProcessors: [7, { onEnd() {} }],
      instrumentations: [{ name: "one", start() {} }, { name: "One", start() {} }, 7],
    };`,
  );
  const { plugins, names, problems } = loadPlugins(["./many.cjs"], [app]);
  assert.deepEqual(problems, [
    'plug-in "many": "b3" of propagators is a name of redtrail\'s own; it is left out',
    'plug-in "many": "no,name" of propagators is no name for a setting; it is left out',
    'plug-in "many": "value" of propagators is no function; it is left out',
    'plug-in "many": spanExporters is no object of functions by name; it is left out',
    'plug-in "many": one of spanProcessors is no span processor; it is left out',
    'plug-in "many": an instrumentation could not be made (TypeError: "one" is there already, by plug-in "many"); it is left out',
    'plug-in "many": an instrumentation could not be made (TypeError: it is no instrumentation); it is left out',
  ]);
  assert.deepEqual(names["OTEL_PROPAGATORS"], ["good"]);
  assert.deepEqual(names["OTEL_TRACES_SAMPLER"], ["xray", "parentbased_xray"]);
  assert.equal(plugins.spanProcessors.length, 1);
  assert.deepEqual(
    plugins.instrumentations.map(({ name }) => name),
    ["one"],
  );
});
