// Packages that are installed under another name, such as `express4`, under their own name for one app.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FIXTURES, PRELOAD, type RunOptions } from "./run-app.ts";

/**
 * Makes a folder, `cwd`, in which `require("express")` and `import "express"` find what `packages` says: `{ express: "express4" }` of our own
 * node_modules, or all of another folder `node_modules`. In it is `fixture`, a file or folder of test/fixtures.
 */
export function withAliases(
  name: string,
  fixture: string,
  packages: Readonly<Record<string, string>> | string,
): Required<Pick<RunOptions, "nodeArgs" | "cwd">> {
  const cwd = join(FIXTURES, "aliases", name);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  symlinkSync(join(FIXTURES, fixture), join(cwd, basename(fixture)));
  const modules = join(cwd, "node_modules");
  if (typeof packages === "string") symlinkSync(packages, modules);
  else {
    for (const [packageName, alias] of Object.entries(packages)) {
      const link = join(modules, packageName);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(FIXTURES, "../../node_modules", alias), link);
    }
  }
  return { cwd, nodeArgs: ["--preserve-symlinks", "--preserve-symlinks-main", "--require", PRELOAD] };
}
