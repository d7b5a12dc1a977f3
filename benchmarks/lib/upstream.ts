// Installs the peer under `.bench/upstream` when it is not there yet, and says where its preload is.
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const UPSTREAM_PACKAGE = "@opentelemetry/auto-instrumentations-node";
const MANIFEST = join(import.meta.dirname, "../peers/upstream/package.json");

function directoryOf(root: string): string {
  return join(root, ".bench/upstream");
}

export function registerOfUpstream(root: string): string {
  return createRequire(join(directoryOf(root), "package.json")).resolve(`${UPSTREAM_PACKAGE}/register`);
}

export function upstreamVersion(): string {
  const manifest = JSON.parse(readFileSync(MANIFEST, "utf8")) as { dependencies: Record<string, string> };
  return `${UPSTREAM_PACKAGE} ${manifest.dependencies[UPSTREAM_PACKAGE]}`;
}

/** npm's own script, to be run by the Node that runs us: under Node 20 npm silently resolves an older OpenTelemetry line. */
function npmScript(): string {
  const given = process.env["npm_execpath"];
  if (given?.endsWith("npm-cli.js")) return given;
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const [found] = globSync(join(directory, "npm"));
    if (found) return realpathSync(found);
  }
  throw new Error("npm is not on PATH");
}

/** Under `npm run` the outer project's settings are in the environment, and would send the packages there. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const outer = /^(npm_config_(local_prefix|prefix)|npm_package_.*|INIT_CWD)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
}

/** More than one copy of a package would mean more hooks and more files to load than upstream needs: an unfair comparison. */
function assertSingleCopies(directory: string): void {
  const copies = globSync("node_modules/**/node_modules/@opentelemetry/*", { cwd: directory });
  if (copies.length > 0) throw new Error(`upstream has second copies of OpenTelemetry packages: ${copies.join(", ")}`);
}

export function installUpstream(root: string): void {
  const directory = directoryOf(root);
  const stamp = join(directory, ".installed");
  const manifest = readFileSync(MANIFEST, "utf8");
  const [installed] = globSync(stamp);
  if (installed && readFileSync(installed, "utf8") === manifest) return;

  console.error("bench: installing upstream under .bench/upstream (once)");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "package.json"), manifest);
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  const npm = spawnSync(process.execPath, [npmScript(), "install", ...options, "--prefix", directory], {
    cwd: directory,
    env: npmEnvironment(),
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (npm.status !== 0) throw new Error(`npm install of upstream ended with ${npm.status ?? npm.signal}`);
  assertSingleCopies(directory);
  writeFileSync(stamp, manifest);
}
