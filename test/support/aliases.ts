// Packages that are installed under another name, such as `express4`, under their own name for one app.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PRELOAD, type RunOptions } from "./run-app.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Makes a folder in which `require("express")` and `import "express"` find what `packages` says: `{ express: "node_modules/express4" }`, from the
 * repository's root. `fixture` is a folder below test/fixtures, and is there as `app`.
 */
export function withAliases(
  name: string,
  fixture: string,
  packages: Readonly<Record<string, string>>,
): Required<Pick<RunOptions, "nodeArgs" | "cwd">> {
  const folder = join(root, "test/fixtures/aliases", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  for (const [packageName, path] of Object.entries(packages)) {
    const link = join(folder, "node_modules", packageName);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, path), link);
  }
  symlinkSync(join(root, "test/fixtures", fixture), join(folder, "app"));
  return { cwd: folder, nodeArgs: ["--preserve-symlinks", "--preserve-symlinks-main", "--require", PRELOAD] };
}
