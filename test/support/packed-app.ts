// Packs redtrail and installs the tarball in an empty folder beside an app's own packages, as a user would.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface PackedApp {
  readonly folder: string;
  /** Runs npm in the folder and gives what it prints. */
  npm(...args: string[]): string;
  write(file: string, text: string): void;
  remove(): void;
}

export function installPacked(...packages: readonly string[]): PackedApp {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-app-"));
  const npm = (...args: string[]): string =>
    execFileSync("npm", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
  const tarball = execFileSync("npm", pack, { cwd: root, encoding: "utf8" }).trim().split("\n").at(-1) as string;
  writeFileSync(join(folder, "package.json"), '{ "name": "packed-app", "private": true }');
  npm("install", "--no-audit", "--no-fund", "--ignore-scripts", `./${tarball}`, ...packages);
  return {
    folder,
    npm,
    write: (file, text) => writeFileSync(join(folder, file), text),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
