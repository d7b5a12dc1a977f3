// Instrumentations of plug-ins, of both kinds, in apps of both module systems, for packages of both.
//
//   app ─> esm-only.greet    CLIENT (or INTERNAL) span
//       ─> cjs-lib.greet     the same
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../support/run-app.ts";
import { type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), "redtrail-plugin-apps-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

write(
  "node_modules/esm-only/package.json",
  '{ "name": "esm-only", "version": "2.1.0", "type": "module", "exports": "./index.js" }',
);
// The default export of an ES module says nothing of the others.
write(
  "node_modules/esm-only/index.js",
  "export function greet(name) { return `hello ${name}`; } export default class Greeter {}",
);
write("node_modules/cjs-lib/package.json", '{ "name": "cjs-lib", "version": "1.0.0", "main": "main.js" }');
write("node_modules/cjs-lib/main.js", "exports.greet = (name) => `hi ${name}`;");
symlinkSync(root, join(folder, "node_modules/redtrail"));
symlinkSync(join(root, "node_modules/@opentelemetry"), join(folder, "node_modules/@opentelemetry"));

write(
  "own.mjs",
  `import { defineInstrumentation, toOpenTelemetryExtension } from "redtrail";
  const own = defineInstrumentation({
    name: "greetings",
    options: { shout: false },
    start(host) {
      for (const name of ["esm-only", "cjs-lib"]) {
        host.watchModule(name, (exports, { version }) => {
          host.wrap(exports, "greet", (greet) => function (...args) {
            const attributes = { version, shout: host.options.shout };
            return host.client("greet " + name, { attributes }, () => greet.apply(this, args));
          });
        });
      }
    },
  });
  export default own;
  export const loadOpenTelemetryExtension = () => toOpenTelemetryExtension(own);`,
);
// What a package of OpenTelemetry's looks like; INSTANCE: it makes its instance itself, which hooks modules by its own means.
write(
  "base.cjs",
  `const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require("@opentelemetry/instrumentation");
  class GreetingsInstrumentation extends InstrumentationBase {
    constructor(config = {}) {
      super("@me/instrumentation-greetings", "1.0.0", config);
    }
    init() {
      return [["esm-only", ">=2 <3"], ["cjs-lib", "1.*"]].map(([name, versions]) =>
        new InstrumentationNodeModuleDefinition(name, [versions], (exports, version) => {
          this._wrap(exports, "greet", (greet) => (...args) => {
            const attributes = { version, shout: this.getConfig().shout === true };
            const span = this.tracer.startSpan("greet " + name, { kind: 2, attributes });
            try {
              return greet(...args);
            } finally {
              span.end();
            }
          });
          return exports;
        }));
    }
  }
  exports.GreetingsInstrumentation = GreetingsInstrumentation;
  if (process.env.INSTANCE) {
    exports.loadOpenTelemetryExtension = () => ({ instrumentations: [new GreetingsInstrumentation()] });
  }`,
);
write(
  "app.mjs",
  'import { greet } from "esm-only"; import { greet as hi } from "cjs-lib"; console.log(greet("a"), hi("b"));',
);
write(
  "app.cjs",
  'const { greet } = require("esm-only"); const lib = require("cjs-lib"); console.log(greet("a"), lib.greet("b"));',
);
write(
  "other-sdk.mjs",
  `import { NodeSDK } from "@opentelemetry/sdk-node";
  import { ConsoleSpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
  import { loadOpenTelemetryExtension } from "./own.mjs";
  const { instrumentations } = loadOpenTelemetryExtension();
  const spanProcessors = [new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() })];
  const sdk = new NodeSDK({ instrumentations, spanProcessors, metricReaders: [], logRecordProcessors: [] });
  sdk.start();
  await import("./app.mjs");
  await sdk.shutdown();`,
);

// One that replaces by hand, in a package whose main file loads an inner one.
write("node_modules/inner-lib/package.json", '{ "name": "inner-lib", "version": "1.0.0", "main": "main.js" }');
write("node_modules/inner-lib/lib/deep.js", "exports.greet = (name) => `hello ${name}`;");
write(
  "node_modules/inner-lib/main.js",
  "exports.greet = (name) => require('./lib/deep.js').greet(name).slice(0, 6) + 'hi b';",
);
write(
  "by-hand.cjs",
  `const { InstrumentationBase, InstrumentationNodeModuleDefinition, InstrumentationNodeModuleFile } = require("@opentelemetry/instrumentation");
  class HandInstrumentation extends InstrumentationBase {
    constructor(config = {}) {
      super("@me/instrumentation-hand", "1.0.0", config);
    }
    init() {
      const replace = (name) => (exports) => {
        const { greet } = exports;
        exports.greet = (...args) => {
          this.tracer.startSpan(name, { kind: 2 }).end();
          return greet(...args);
        };
        return exports;
      };
      const file = new InstrumentationNodeModuleFile("inner-lib/lib/deep.js", ["*"], replace("deep"), () => {});
      return [new InstrumentationNodeModuleDefinition("inner-lib", ["*"], replace("main"), () => {}, [file])];
    }
  }
  exports.HandInstrumentation = HandInstrumentation;`,
);
const MANY =
  'import { greet } from "inner-lib"; import lib from "inner-lib"; import { greet as deep } from "inner-lib/lib/deep.js";';
write(
  "many.mjs",
  `${MANY} import { createRequire } from "node:module"; createRequire(import.meta.url)("inner-lib");
  greet("a"); lib.greet("a"); console.log(deep("a"), "hi b");`,
);

async function spansOf(app: string, env: Readonly<Record<string, string>>): Promise<readonly ZipkinSpan[]> {
  const zipkin = await startZipkin();
  try {
    const { code, stdout, stderr } = await runToEnd({
      app: [app],
      cwd: folder,
      env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, ...env },
    });
    assert.equal(stdout, "hello a hi b\n", stderr);
    assert.equal(code, 0);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    return zipkin.spans;
  } finally {
    await zipkin.close();
  }
}

for (const app of ["app.cjs", "app.mjs"]) {
  for (const [kind, env] of [
    ["by defineInstrumentation", { REDTRAIL_PLUGINS: "./own.mjs" }],
    ["of OpenTelemetry's base class", { REDTRAIL_PLUGINS: "./base.cjs" }],
    [
      "of OpenTelemetry's base class, as an extension's instance",
      { OTEL_NODE_EXTENSIONS: "./base.cjs", INSTANCE: "1" },
    ],
  ] as const) {
    test(`${app}: an instrumentation ${kind} sees packages of both module systems once, with its options`, async () => {
      const spans = await spansOf(app, { ...env, REDTRAIL_INSTRUMENTATION_GREETINGS_SHOUT: "true" });
      assert.deepEqual(
        spans.map(({ name, kind: spanKind, tags }) => [name, spanKind, tags["version"], tags["shout"]]),
        [
          ["greet esm-only", "CLIENT", "2.1.0", "true"],
          ["greet cjs-lib", "CLIENT", "1.0.0", "true"],
        ],
      );
    });
  }
}

test("What a plug-in replaces by hand is replaced once, by whatever ways and names its file is loaded", async () => {
  const spans = await spansOf("many.mjs", { REDTRAIL_PLUGINS: "./by-hand.cjs" });
  assert.deepEqual(
    spans.map(({ name }) => name),
    ["main", "deep", "main", "deep", "deep"],
  );
});

test("OTEL_NODE_DISABLED_INSTRUMENTATIONS turns off an instrumentation of a plug-in by its short name", async () => {
  for (const file of ["own.mjs", "base.cjs"]) {
    const env = { REDTRAIL_PLUGINS: `./${file}`, OTEL_NODE_DISABLED_INSTRUMENTATIONS: "greetings" };
    assert.deepEqual(await spansOf("app.cjs", env), []);
  }
});

test("An instrumentation by defineInstrumentation runs under upstream's NodeSDK, as an extension", async () => {
  const { code, stdout, stderr } = await runToEnd({
    app: ["other-sdk.mjs"],
    cwd: folder,
    nodeArgs: [],
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /hello a hi b/);
  assert.deepEqual(
    [...stdout.matchAll(/^ {2}name: '(.*)'/gm)].map(([, name]) => name),
    ["greet esm-only", "greet cjs-lib"],
  );
});
