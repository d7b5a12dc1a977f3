// Finds the file of a plug-in, from the working directory, then from the app's folder.
import { readFileSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** `./my.mjs`, `/plug-ins/my.cjs`, `file:///my.mjs`, `package`, `@scope/package/sub`. Throws when no folder has it. */
export function resolvePlugin(specifier: string, folders: readonly string[]): string {
  const name = specifier.startsWith("file:") ? fileURLToPath(specifier) : specifier;
  for (const folder of folders) {
    const found = resolveFrom(name, folder);
    if (found !== undefined) return found;
  }
  throw new Error(`it cannot be found from ${folders.join(" or ")}`);
}

function resolveFrom(name: string, folder: string): string | undefined {
  try {
    return createRequire(join(folder, "plug-in.js")).resolve(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "MODULE_NOT_FOUND") return undefined;
    const file = code === "ERR_PACKAGE_PATH_NOT_EXPORTED" ? resolveImport(name, folder) : undefined;
    if (file === undefined) throw error;
    return file;
  }
}

type Target = string | null | readonly Target[] | { readonly [condition: string]: Target };

/** Of a package that exports to `import` alone; Node has no synchronous way to ask for it. Patterns (`./*`) are left out. */
function resolveImport(name: string, folder: string): string | undefined {
  const packageFile = findPackageJSON(name, pathToFileURL(join(folder, "plug-in.js")));
  if (packageFile === undefined) return undefined;
  const { exports = null } = JSON.parse(readFileSync(packageFile, "utf8")) as { readonly exports?: Target };
  const subpath = `.${name
    .split("/")
    .slice(name.startsWith("@") ? 2 : 1)
    .map((part) => `/${part}`)
    .join("")}`;
  const hasSubpaths = isConditions(exports) && Object.keys(exports).some((key) => key.startsWith("."));
  const whole = subpath === "." ? exports : undefined;
  const target = pick(hasSubpaths ? (exports as Record<string, Target>)[subpath] : whole);
  return target === undefined ? undefined : join(dirname(packageFile), target);
}

function pick(target: Target | undefined): string | undefined {
  if (typeof target === "string") return target;
  if (!isConditions(target)) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    if (!["import", "node", "default"].includes(condition)) continue;
    const found = pick(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isConditions(target: Target | undefined): target is { readonly [condition: string]: Target } {
  return typeof target === "object" && target !== null && !Array.isArray(target);
}
