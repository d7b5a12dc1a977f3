// The files of a new instrumentation, in the three module styles.
import { VERSION } from "../version.ts";

export type ModuleStyle = "commonjs" | "esm" | "typescript";

/** Texts by the files' names. */
export function filesOf(name: string, folder: string, style: ModuleStyle): Record<string, string> {
  const extension = style === "typescript" ? "ts" : "js";
  return {
    [`index.${extension}`]: plugin(name, folder, style),
    [`test/index.test.${extension}`]: test(name, style),
    "README.md": readme(name, placeOf(folder, style), extension),
    "package.json": packageJson(name, folder, style),
    ...(style === "typescript" ? { "tsconfig.json": TSCONFIG } : {}),
  };
}

function plugin(name: string, folder: string, style: ModuleStyle): string {
  const isTypeScript = style === "typescript";
  const imports =
    style === "commonjs"
      ? 'const { defineInstrumentation, toOpenTelemetryExtension } = require("redtrail");'
      : `import { defineInstrumentation, ${isTypeScript ? "type OpenTelemetryExtension, " : ""}toOpenTelemetryExtension } from "redtrail";`;
  const exportPlugin =
    style === "commonjs"
      ? `exports.default = instrumentation;
// For whoever loads extensions of OpenTelemetry: the same, in their shape.
exports.loadOpenTelemetryExtension = () => toOpenTelemetryExtension(instrumentation);`
      : `export default instrumentation;
// For whoever loads extensions of OpenTelemetry: the same, in their shape.
export const loadOpenTelemetryExtension = ()${isTypeScript ? ": OpenTelemetryExtension" : ""} => toOpenTelemetryExtension(instrumentation);`;
  const [library, self, args] = isTypeScript
    ? [`(library: { call(text: string): Promise<string> })`, "this: unknown, ", "...args: unknown[]"]
    : ["(library)", "", "...args"];
  const place = placeOf(folder, style);
  return `// Spans of the calls of ${name}: REDTRAIL_PLUGINS=${place} node --require redtrail/register app.js
${imports}

const instrumentation = defineInstrumentation({
  name: "${name.toLowerCase()}",
  version: "0.1.0",
  // With their defaults; ${optionVariable(name)}=true changes it.
  options: { captureText: false },
  start(host) {
    // What the package exports, before the app gets it. A file of it: "${name}/lib/file.js".
    host.watchModule("${name}", ${library} => {
      // Replace \`call\` by what the library has; of a class: host.wrap(library.Client.prototype, "query", ...).
      host.wrap(library, "call", (call) =>
        function (${self}${args}) {
          const attributes = host.options.captureText ? { "${name}.text": String(args[0]) } : {};
          return host.client("${name} call", { attributes }, () => call.apply(this, args));
        },
      );
    });
  },
});

${exportPlugin}
`;
}

function test(name: string, style: ModuleStyle): string {
  const file = style === "typescript" ? "../index.ts" : "../index.js";
  const imports =
    style === "commonjs"
      ? `const assert = require("node:assert/strict");
const { after, test } = require("node:test");
const { assertContract, startTestKit } = require("redtrail/testing");
const { default: instrumentation } = require("${file}");`
      : `import assert from "node:assert/strict";
import { after, test } from "node:test";
import { assertContract, startTestKit } from "redtrail/testing";
import instrumentation from "${file}";`;
  const text = style === "typescript" ? "text: string" : "text";
  const load = style === "commonjs" ? `require("${name}")` : `await import("${name}")`;
  return `// Runs with \`node --test\`; any other test runner does as well.
${imports}

const kit = startTestKit({ plugins: [instrumentation] });
after(() => kit.stop());

// Stands in for the library. The real one: \`npm install --save-dev ${name}\`, and \`${load}\` after the kit has started.
const library = kit.load("${name}", {
  async call(${text}) {
    if (text === "bad") throw new Error("bad call");
    return \`called \${text}\`;
  },
});

test("a call is a CLIENT span of the caller's trace", async () => {
  kit.reset();
  assert.equal(await kit.inSpan("request", () => library.call("it")), "called it");
  assert.equal(kit.tree(), "INTERNAL request\\n  CLIENT ${name} call");
});

test("the app sees no difference, and the trace is whole", async () => {
  await assertContract(kit, {
    succeeds: () => library.call("it"),
    result: "called it",
    fails: () => library.call("bad"),
    error: "bad call",
    kind: "CLIENT",
  });
});
`;
}

/** In a folder of one's own Node runs TypeScript as it is (22.18 and later); in node_modules it does not. */
function placeOf(folder: string, style: ModuleStyle): string {
  return style === "typescript" ? `./${folder}/index.ts` : `./${folder}`;
}

function readme(name: string, place: string, extension: string): string {
  return `# Instrumentation of ${name}

Makes a span of every call of ${name}, for [redtrail](https://www.npmjs.com/package/redtrail) and for whoever loads extensions of OpenTelemetry.

\`\`\`
REDTRAIL_PLUGINS=${place} node --require redtrail/register app.js
\`\`\`

1. \`npm test\` runs the test, which uses a stand-in for ${name}.
2. In \`index.${extension}\`, replace \`call\` by the functions that ${name} has. Everything that \`host\` offers is in redtrail's docs/plugins.md.
3. In \`test/index.test.${extension}\`, replace the stand-in by the library.
4. See the spans of your app: with \`OTEL_TRACES_EXPORTER=console\`, on its stdout.

| option | default | meaning |
| --- | --- | --- |
| \`${optionVariable(name)}\` | \`false\` | Whether the text of a call becomes an attribute. |
`;
}

function packageJson(name: string, folder: string, style: ModuleStyle): string {
  const isTypeScript = style === "typescript";
  return `${JSON.stringify(
    {
      name: `opentelemetry-${folder}`,
      version: "0.1.0",
      description: `OpenTelemetry instrumentation of ${name}`,
      keywords: ["opentelemetry", "instrumentation", "redtrail-plugin"],
      license: "Apache-2.0",
      type: style === "commonjs" ? "commonjs" : "module",
      main: isTypeScript ? "./dist/index.js" : "./index.js",
      ...(isTypeScript ? { types: "./dist/index.d.ts" } : {}),
      files: [isTypeScript ? "dist" : "index.js"],
      scripts: isTypeScript ? { test: "node --test", build: "tsc", prepack: "tsc" } : { test: "node --test" },
      peerDependencies: { redtrail: `>=${VERSION.startsWith("0.0.0") ? "0.1.0" : VERSION}` },
      ...(isTypeScript ? { devDependencies: { "@types/node": ">=22", typescript: ">=5.8" } } : {}),
    },
    undefined,
    2,
  )}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "module": "nodenext",
    "target": "es2023",
    "strict": true,
    "skipLibCheck": true,
    "types": ["node"],
    "declaration": true,
    "erasableSyntaxOnly": true,
    "rewriteRelativeImportExtensions": true,
    "outDir": "dist"
  },
  "include": ["index.ts"]
}
`;

function optionVariable(name: string): string {
  return `REDTRAIL_INSTRUMENTATION_${name
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_/, "")
    .toUpperCase()}_CAPTURE_TEXT`;
}
