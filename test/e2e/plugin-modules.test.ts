// What `watchModule` sees of the forms that packages have and the ways in which apps load them, and that it leaves them as they are.
//
//   app ─> package.call    one CLIENT span, whichever way the package came
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../support/run-app.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), "redtrail-plugin-modules-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Tells whether the app's Node has hooks for imports in the app's own thread. */
const SYNC_HOOKS = import.meta.resolve("import-in-the-middle/supports-sync-hooks.mjs");

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function writePackage(path: string, manifest: object, files: Readonly<Record<string, string>>): void {
  write(`${path}/package.json`, JSON.stringify({ version: "1.0.0", ...manifest }));
  for (const [file, text] of Object.entries(files)) write(`${path}/${file}`, text);
}

const CLASS = "class Client { query() { return 'rows'; } }";
writePackage(
  "node_modules/common",
  { name: "common" },
  { "index.js": `exports.call = () => "called"; exports.Client = ${CLASS};` },
);
writePackage(
  "node_modules/dual",
  { name: "dual", exports: { import: "./wrapper.mjs", require: "./index.cjs" } },
  {
    "index.cjs": `exports.call = () => "called"; exports.Client = ${CLASS};`,
    "wrapper.mjs": 'import common from "./index.cjs"; export const { call, Client } = common;',
  },
);
writePackage(
  "node_modules/modern",
  { name: "modern", type: "module", exports: { ".": "./index.js", "./sub": "./lib/sub.js", "./inner": "./inner.js" } },
  {
    "index.js": 'export const call = () => "called"; export { deep } from "./lib/deep.js";',
    "lib/sub.js": 'export const call = () => "called";',
    "lib/deep.js": 'export const deep = () => "deep";',
    "inner.js": 'export { deep } from "./lib/deep.js";',
  },
);
writePackage(
  "node_modules/only-default",
  { name: "only-default", type: "module", main: "index.js" },
  { "index.js": `export default ${CLASS}` },
);
writePackage(
  "node_modules/live",
  { name: "live", type: "module", main: "index.js" },
  {
    "index.js":
      "export let count = 0; export let ready; export function call() { count++; ready = true; return count; }",
  },
);
writePackage(
  "packages/workspace",
  { name: "workspace", version: "3.0.0", exports: { ".": "./index.js", "./sub": "./lib/sub.js" } },
  {
    "index.js": 'exports.call = () => "called"; exports.deep = () => require("./lib/deep").deep();',
    "lib/sub.js": 'exports.call = () => "called";',
    "lib/deep.js": 'exports.deep = () => "deep";',
  },
);
symlinkSync("../packages/workspace", join(folder, "node_modules/workspace"));
writePackage("packages/function", { name: "function" }, { "index.js": 'module.exports = () => "called";' });
symlinkSync("../packages/function", join(folder, "node_modules/function"));

// Prints at the end what has a span, and says what it was shown.
write(
  "plugin.cjs",
  `const spans = [];
  process.on("exit", () => console.log("spans: " + spans.sort().join(", ")));
  const { WATCH = "", BOTH = "" } = process.env;
  const instrumentation = (name, files) => ({
    name,
    start(host) {
      for (const file of files) {
        host.watchModule(file, (exports, { version }) => {
          console.log("loaded " + file + " " + version);
          const wrap = (target, key) => {
            if (typeof target?.[key] !== "function") return;
            host.wrap(target, key, (own) => function (...args) { return host.client(file + "." + key, {}, () => own.apply(this, args)); });
          };
          wrap(exports, "call");
          wrap(exports, "deep");
          wrap((exports.Client ?? exports.default)?.prototype, "query");
          if (file === "function") return (...args) => host.client("function", {}, () => exports(...args));
        });
      }
    },
  });
  module.exports = {
    instrumentations: [instrumentation("first", WATCH.split(",")), ...(BOTH ? [instrumentation("second", WATCH.split(","))] : [])],
    spanProcessors: [{ onStart() {}, onEnd: ({ name }) => void spans.push(name), forceFlush: async () => {}, shutdown: async () => {} }],
  };`,
);

const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

async function run(
  app: string,
  watch: string,
  { nodeArgs = [], ...env }: { readonly nodeArgs?: readonly string[]; readonly [name: string]: unknown } = {},
): Promise<{ loaded: readonly string[]; spans: readonly string[]; printed: readonly string[]; stderr: string }> {
  const file = /\bimport\b/.test(app) ? "app.mjs" : "app.cjs";
  write(file, app);
  const { code, stdout, stderr } = await runToEnd({
    app: [file],
    cwd: folder,
    // node:sqlite has one.
    nodeArgs: [...nodeArgs, "--disable-warning=ExperimentalWarning", "--require", join(root, "dist/register.cjs")],
    env: {
      REDTRAIL_PLUGINS: "./plugin.cjs",
      WATCH: watch,
      OTEL_TRACES_EXPORTER: "none",
      OTEL_METRICS_EXPORTER: "none",
      ...(env as Record<string, string>),
    },
  });
  assert.equal(code, 0, stderr);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  const out = stdout.trimEnd().split("\n");
  const spans = out.pop()?.replace(/^spans: ?/, "") ?? "";
  const isLoaded = (line: string): boolean => line.startsWith("loaded ");
  return {
    loaded: out.filter(isLoaded).map((line) => line.slice("loaded ".length)),
    spans: spans === "" ? [] : spans.split(", "),
    printed: out.filter((line) => !isLoaded(line)),
    stderr,
  };
}

test("Two plug-ins that watch one CommonJS package are both seen by names and by the default, where it is imported", async () => {
  const app = 'import common, { call } from "common"; call(); common.call();';
  const { spans, loaded } = await run(app, "common", { BOTH: "1" });
  assert.deepEqual(spans, Array.from({ length: 4 }).fill("common.call"));
  assert.equal(loaded.length, 2);
});

for (const [order, app] of [
  ["required first", `${REQUIRE} const c = require("dual"); const m = await import("dual");`],
  ["imported first", `${REQUIRE} const m = await import("dual"); const c = require("dual");`],
] as const) {
  test(`A package of both kinds, ${order}, has one span a call`, async () => {
    const { spans } = await run(`${app} c.call(); m.call(); new c.Client().query(); new m.Client().query();`, "dual");
    assert.deepEqual(spans, ["dual.call", "dual.call", "dual.query", "dual.query"]);
  });
}

for (const [how, app] of [
  ["required", 'require("modern").call(); require("modern/sub").call(); require("modern/inner").deep();'],
  [
    "imported",
    'import { call } from "modern"; import { call as sub } from "modern/sub"; import { deep } from "modern/inner"; call(); sub(); deep();',
  ],
] as const) {
  test(`An ES module's main file, exported path and inner file are seen where it is ${how}`, async () => {
    const { spans } = await run(app, "modern,modern/sub,modern/lib/deep.js");
    const expected = ["modern.call", "modern/lib/deep.js.deep", "modern/sub.call"];
    // A module that required ones import is no longer seen by itself: that is Node's own loading.
    assert.deepEqual(spans, how === "required" ? expected.filter((name) => !name.includes("deep")) : expected);
  });
}

test("What is watched after imports have begun is seen, by require and by import", async () => {
  write(
    "late.cjs",
    `const spans = [];
    process.on("exit", () => console.log("spans: " + spans.sort().join(", ")));
    module.exports = {
      instrumentations: [{ name: "late", start(host) {
        const watch = (file) => host.watchModule(file, (exports) => {
          host.wrap(exports, "call", (call) => (...args) => host.client(file, {}, () => call(...args)));
          if (file === "common") for (const later of ["modern", "modern/sub", "dual"]) watch(later);
        });
        watch("common");
      } }],
      spanProcessors: [{ onStart() {}, onEnd: ({ name }) => void spans.push(name), forceFlush: async () => {}, shutdown: async () => {} }],
    };`,
  );
  const app = `${REQUIRE} import { call } from "common"; call();
    for (const name of ["modern", "modern/sub"]) (await import(name)).call();
    require("dual").call();
    const { supportsSyncHooks } = await import(${JSON.stringify(SYNC_HOOKS)});
    console.log(supportsSyncHooks());`;
  const { spans, printed } = await run(app, "", { REDTRAIL_PLUGINS: "./late.cjs" });
  // In a thread of their own, as older versions of Node have them, hooks can be told of nothing later.
  const imported = printed[0] === "true" ? ["modern", "modern/sub"] : [];
  assert.deepEqual(spans, ["common", "dual", ...imported]);
});

for (const [how, app] of [
  ["required", 'const { default: Client } = require("only-default"); new Client().query();'],
  ["imported", 'import Client from "only-default"; new Client().query();'],
] as const) {
  test(`An ES module with a default export alone is a namespace to onLoad, ${how}`, async () => {
    assert.deepEqual((await run(app, "only-default")).spans, ["only-default.query"]);
  });
}

for (const [how, app] of [
  ["required", 'require("node:sqlite"); require("node:test"); require("node:fs"); require("fs");'],
  ["imported", 'import "node:sqlite"; import "node:test"; import "node:fs"; import "fs";'],
] as const) {
  test(`Modules of Node are seen by their names with and without node:, ${how}`, async () => {
    const { loaded } = await run(app, "node:sqlite,node:test,node:fs,fs");
    assert.deepEqual(
      [...loaded].sort(),
      ["fs", "node:fs", "node:sqlite", "node:test"].map((name) => `${name} undefined`),
    );
  });
}

test("No accessor of what is watched is read: Node's own tell that they are deprecated", async () => {
  const app =
    'import { readFileSync } from "node:fs"; import * as fs from "fs"; console.log(typeof readFileSync, typeof fs);';
  const { printed } = await run(app, "node:fs", { nodeArgs: ["--throw-deprecation"] });
  assert.deepEqual(printed, ["function object"]);
});

test("A linked package of a workspace is seen by its name, its exported paths and its inner files, with its version", async () => {
  const { loaded, spans } = await run(
    'const { call, deep } = require("workspace"); call(); deep(); require("workspace/sub").call(); require("function")();',
    "workspace,workspace/sub,workspace/lib/deep.js,function",
  );
  assert.deepEqual(spans, [
    "function",
    "workspace.call",
    "workspace.deep",
    "workspace/lib/deep.js.deep",
    "workspace/sub.call",
  ]);
  assert.deepEqual(loaded, ["workspace 3.0.0", "workspace/lib/deep.js 3.0.0", "workspace/sub 3.0.0", "function 1.0.0"]);
});

test("A linked package of a workspace is seen where it is imported", async () => {
  const { loaded, spans } = await run('import { call } from "workspace"; call();', "workspace");
  assert.deepEqual([loaded, spans], [["workspace 3.0.0"], ["workspace.call"]]);
});

test("An ES module that is required keeps what changes in it: export let", async () => {
  const app = 'const live = require("live"); live.call(); live.call(); console.log(live.count, live.ready);';
  for (const watch of ["live", "common"]) {
    const { printed, spans } = await run(app, watch);
    assert.deepEqual(printed, ["2 true"]);
    assert.equal(spans.length, watch === "live" ? 2 : 0);
  }
});
