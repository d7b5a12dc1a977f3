// Builds dist/: one CommonJS file per entry point (the SDK bundled in), thin ES module faces, and the declarations for both.
//
//   register.cjs   the preload's guard, in old syntax; loads main.cjs
//   main.cjs       everything the native engine needs, in one file: a process start reads two files of ours
//   node-sdk.cjs   the upstream parts; @opentelemetry/sdk-node and its exporters stay outside and are loaded only from here
//   upstream/*.cjs OpenTelemetry's instrumentations, each loaded when its target is
//   redaction-patterns.cjs  RE2 for the user's own patterns
//   redis-client.cjs  shared storage in Redis
//   testing.cjs    the kit for people who write plug-ins
//   standalone.cjs a plug-in's instrumentation under another SDK
//   cli.cjs        npx redtrail
//   index.cjs      the public API; shares its state with main.cjs through Symbol.for('redtrail')
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, type Plugin, build } from "esbuild";
import { UPSTREAM } from "../instrumentations/upstream/table.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Names that stay `require`d at run time: loaded from node_modules only by the engine that needs them. */
const external = [
  "@opentelemetry/sdk-node",
  "@opentelemetry/exporter-zipkin",
  "@opentelemetry/exporter-prometheus",
  "@opentelemetry/exporter-*",
];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const common = {
  bundle: true,
  platform: "node",
  target: "node22.15",
  format: "cjs",
  external,
  logLevel: "warning",
  legalComments: "none",
  // The SDK's .mjs builds tree-shake; its CommonJS builds do not.
  mainFields: ["module", "main"],
  conditions: ["import", "module"],
  define: { "import.meta.url": "importMetaUrl", REDTRAIL_VERSION: JSON.stringify(version) },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  outExtension: { ".js": ".cjs" },
  outdir: dist,
} satisfies BuildOptions;

await build({
  ...common,
  // `--readable` is for profiling.
  minify: !process.argv.includes("--readable"),
  entryPoints: { main: join(root, "src/main.ts") },
});
await build({
  ...common,
  entryPoints: {
    index: join(root, "src/index.ts"),
    "node-sdk": join(root, "src/node-sdk.ts"),
    "engine-node-sdk": join(root, "src/engines/node-sdk.ts"),
    testing: join(root, "src/testing.ts"),
    standalone: join(root, "src/plugins/standalone.ts"),
    cli: join(root, "src/cli/bin.ts"),
  },
});
await build({
  ...common,
  minify: true,
  // Its licence asks to go with it.
  footer: { js: `/*!\n${readFileSync(join(root, "node_modules/re2js/LICENSE"), "utf8")}*/` },
  entryPoints: { "redaction-patterns": join(root, "src/redaction/patterns.ts") },
});
await build({
  ...common,
  minify: true,
  plugins: [withoutHooks()],
  entryPoints: Object.fromEntries(
    UPSTREAM.map(({ name }) => [`upstream/${name}`, `@opentelemetry/instrumentation-${name}`]),
  ),
});
await build({
  ...common,
  minify: true,
  // Asked for by functions of the client that we do not call.
  external: [...external, "@node-rs/xxhash", "@opentelemetry/api"],
  footer: { js: `/*!\n${readFileSync(join(root, "scripts/licences/redis-client.txt"), "utf8")}*/` },
  entryPoints: { "redis-client": join(root, "src/trace-store/redis-client.ts") },
});
// The guard must parse on Node 12.
await build({
  entryPoints: { register: join(root, "src/register.cts") },
  outExtension: common.outExtension,
  outdir: dist,
  format: "cjs",
  target: "node12",
  platform: "node",
});

for (const name of ["index", "node-sdk", "testing"]) writeFileSync(join(dist, `${name}.mjs`), esmFace(name));

const types = join(dist, "types/esm");
execFileSync(process.execPath, [
  join(root, "node_modules/typescript/bin/tsc"),
  ...["-p", join(root, "tsconfig.build.json"), "--outDir", types],
]);
cpSync(types, join(dist, "types/cjs"), { recursive: true });
writeFileSync(join(dist, "types/cjs/package.json"), '{ "type": "commonjs" }\n');

/** redtrail's own hooks serve these instrumentations (instrumentations/upstream/adopt.ts); theirs would watch every module once more. */
function withoutHooks(): Plugin {
  const filter = /^(require|import)-in-the-middle$/;
  return {
    name: "without-hooks",
    setup(builder) {
      builder.onResolve({ filter }, ({ path }) => ({ path, namespace: "no-hook" }));
      builder.onLoad({ filter: /.*/, namespace: "no-hook" }, () => ({
        contents: "export class Hook {}",
        loader: "js",
      }));
    },
  };
}

/** An ES module that re-exports the CommonJS file's names one by one, so that both module systems share one copy. */
function esmFace(name: string): string {
  const source = readFileSync(join(dist, `${name}.cjs`), "utf8");
  const block = /__export\(\w+_exports, \{([^}]*)\}\);/.exec(source)?.[1] ?? "";
  const names = [...block.matchAll(/^\s*(\w+): \(\) =>/gm)].map((match) => match[1]);
  if (names.length === 0) throw new Error(`no exports found in dist/${name}.cjs`);
  return `import api from "./${name}.cjs";\nexport const { ${names.join(", ")} } = api;\n`;
}
