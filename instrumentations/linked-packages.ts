// Packages of a workspace: links in node_modules to folders elsewhere, from where Node loads them, so that nothing in a file's path tells of
// its package. require-in-the-middle leaves them alone; here they are known by the name that they are required by.
import { realpathSync } from "node:fs";
import Module, { createRequire, findPackageJSON, isBuiltin } from "node:module";
import { dirname, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { packageOf } from "./package-name.ts";

/** Shows what a file exports, by require-in-the-middle's name for it; returns what takes its place. */
type Show = (name: string, exports: unknown, baseDir: string) => unknown;

interface LinkedPackage {
  readonly name: string;
  readonly folder: string;
  /** The file that its name stands for; undefined where it has none. */
  readonly main: string | undefined;
}

interface Found {
  readonly linked: LinkedPackage;
  readonly path: string;
  /** As the package exports it: `package/sub`; undefined of what is required from beside. */
  readonly specifier: string | undefined;
}

type Require = (this: Pick<Module, "filename">, id: string) => unknown;

/** For the life of the process. */
export function hookLinkedPackages(isWatched: (packageName: string) => boolean, show: Show): void {
  const packages: LinkedPackage[] = [];
  const shown = new Map<string, { readonly exports: unknown; readonly replaced: unknown }>();
  const loading = new Set<string>();
  /** Places that require a package which is no link; as many as there are in the code. */
  const ordinary = new Set<string>();
  const holder = Module.prototype as unknown as { require: Require };
  const { require: original } = holder;

  function packageAt(path: string): LinkedPackage | undefined {
    return packages.find(({ folder }) => path.startsWith(folder + sep));
  }

  function find(parent: string, id: string): Found | undefined {
    if (id.startsWith(".") || id.startsWith("/")) {
      const linked = packages.length === 0 ? undefined : packageAt(parent);
      return linked === undefined ? undefined : { linked, path: resolve(parent, id), specifier: undefined };
    }
    const name = isBuiltin(id) ? undefined : packageOf(id);
    if (name === undefined || !isWatched(name)) return undefined;
    const place = `${id} ${parent}`;
    if (ordinary.has(place)) return undefined;
    const path = resolve(parent, id);
    if (path.includes(`${sep}node_modules${sep}`)) {
      ordinary.add(place);
      return undefined;
    }
    const linked = packageAt(path) ?? linkedPackage(parent, name);
    if (linked === undefined) return undefined;
    if (!packages.includes(linked)) packages.push(linked);
    return { linked, path, specifier: id };
  }

  holder.require = function requireLinked(id) {
    let found: Found | undefined;
    try {
      found = find(this.filename, id);
    } catch {
      // It cannot be resolved, as the app will hear.
    }
    // One that requires itself by a detour gets what it has so far.
    if (found === undefined || loading.has(found.path)) return original.call(this, id);
    const { path } = found;
    loading.add(path);
    let exports: unknown;
    try {
      exports = original.call(this, id);
    } finally {
      loading.delete(path);
    }
    const known = shown.get(path);
    if (known !== undefined && known.exports === exports) return known.replaced;
    const replaced = showAll(found, exports, show);
    shown.set(path, { exports, replaced });
    return replaced;
  };
}

/** By the path in the package, and by what the package exports it as. */
function showAll({ linked: { name, folder, main }, path, specifier }: Found, exports: unknown, show: Show): unknown {
  if (path === main) return show(name, exports, folder);
  const byPath = name + sep + relative(folder, path);
  const replaced = show(byPath, exports, folder);
  return specifier === undefined || specifier === byPath ? replaced : show(specifier, replaced, folder);
}

function resolve(parent: string, id: string): string {
  return createRequire(parent).resolve(id);
}

function linkedPackage(parent: string, name: string): LinkedPackage | undefined {
  const packageFile = findPackageJSON(name, pathToFileURL(parent));
  if (packageFile === undefined) return undefined;
  let main: string | undefined;
  try {
    main = resolve(parent, name);
  } catch {
    // It exports by paths alone.
  }
  return { name, folder: realpathSync(dirname(packageFile)), main };
}
