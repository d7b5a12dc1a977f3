// Tells instrumentations of the packages that an app loads, file by file, whatever module system loads them.
import { subscribe } from "node:diagnostics_channel";
import { types } from "node:util";
import { isBuiltin } from "node:module";
import { Hook } from "require-in-the-middle";
import { log } from "../src/diagnostics/log.ts";
import { loadImportHooks } from "../src/lazy.ts";

export interface LoadedFile {
  /** Path inside of the package, with forward slashes: `lib/router/index.js`; "" for what the package's name stands for. */
  readonly file: string;
  /** As require-in-the-middle names it: the package's name, and the path behind it in the system's own form. */
  readonly name: string;
  /** The package's folder. */
  readonly baseDir: string;
}

/**
 * Gets the exports of a file when it has been loaded, before the app does: `module.exports`, or what stands for the namespace where
 * an ES module imports the package. What it returns takes their place, unless that is undefined; what it throws stays with us.
 */
export type OnLoad = (exports: unknown, loaded: LoadedFile) => unknown;

export interface ModuleWatcher {
  /** One package; its ES module form is known by this name alone, its CommonJS files also by their paths. */
  watch(packageName: string, onLoad: OnLoad): void;
}

/** Only the first `start` counts what was watched before it; a package that is watched later is seen if it is loaded later. */
export class Modules implements ModuleWatcher {
  readonly #watchers = new Map<string, OnLoad[]>();
  #isStarted = false;

  watch(packageName: string, onLoad: OnLoad): void {
    const known = this.#watchers.get(packageName);
    if (known !== undefined) {
      known.push(onLoad);
      return;
    }
    this.#watchers.set(packageName, [onLoad]);
    if (this.#isStarted) this.#hookRequires([packageName]);
  }

  /** Hooks `require` once for all packages, and `import` when the app first imports anything. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#hookRequires([...this.#watchers.keys()]);
    this.#hookImports();
  }

  #hookRequires(packageNames: string[]): void {
    if (packageNames.length === 0) return;
    new Hook(packageNames, { internals: true }, (exports, name, baseDir) => {
      return this.load(name, exports, baseDir ?? "") as typeof exports;
    });
  }

  /** Most apps import nothing, and do not pay for it. The entry point of an app of ES modules is an import too. */
  #hookImports(): void {
    let isHooked = false;
    subscribe("tracing:module.import:start", () => {
      if (isHooked) return;
      isHooked = true;
      try {
        loadImportHooks([...this.#watchers.keys()], (exports, name, baseDir) =>
          this.load(name, exports, baseDir ?? ""),
        );
      } catch (error) {
        log.warn(`ES modules cannot be watched (${String(error)}); packages that are imported are not traced`);
      }
    });
  }

  /** Shows a file to who watches its package; returns what takes the exports' place. `name` is require-in-the-middle's. */
  load(name: string, exports: unknown, baseDir: string): unknown {
    const packageName = packageOf(name);
    const file = name.slice(packageName.length + 1).replaceAll("\\", "/");
    // Of `require` of an ES module: nobody can change it, but a copy can take its place.
    const isFixed = types.isModuleNamespaceObject(exports);
    const given = isFixed ? changeableCopy(exports as object) : exports;
    let current = given;
    for (const onLoad of this.#watchers.get(packageName) ?? []) {
      try {
        current = onLoad(current, { file, name, baseDir }) ?? current;
      } catch (error) {
        log.warnSometimes(`load ${name}`, `"${name}" could not be instrumented (${String(error)}); it works as ever`);
      }
    }
    return isFixed && current === given && isSame(exports as object, given as object) ? exports : current;
  }
}

function changeableCopy(namespace: object): object {
  return Object.defineProperty({ ...namespace }, Symbol.toStringTag, { value: "Module" });
}

function isSame(namespace: object, copy: object): boolean {
  return Object.entries(namespace).every(([key, value]) => value === copy[key as never]);
}

/** `@scope/name/lib/file.js` is of `@scope/name`; `dns/promises` is a part of Node by itself. */
export function packageOf(name: string): string {
  if (isBuiltin(name)) return name;
  const [first = "", second = ""] = name.split(/[\\/]/, 2);
  return first.startsWith("@") ? `${first}/${second}` : first;
}

/** What a package exports under a name, however it was loaded: an ES module that imports CommonJS has it also below `default`. */
export function exportOf<Value>(exports: unknown, name: string): Value | undefined {
  const found = exports as { readonly [key: string]: unknown; readonly default?: { readonly [key: string]: unknown } };
  return (found[name] ?? found.default?.[name]) as Value | undefined;
}

/**
 * `module.exports` of a CommonJS module that is imported: the default export, which has all that is exported by name too. Undefined of anything
 * else, also of an ES module that has a default export beside others.
 */
export function commonJsIn(exports: unknown): object | undefined {
  const namespace = (exports ?? {}) as { readonly [key: string]: unknown; readonly [Symbol.toStringTag]?: unknown };
  const { default: whole } = namespace;
  if (namespace[Symbol.toStringTag] !== "Module" || whole === null) return undefined;
  if (typeof whole !== "object" && typeof whole !== "function") return undefined;
  // A name that Node has found in the source may be one that the module has not set.
  const isInside = (key: string): boolean => key in whole || namespace[key] === undefined;
  return Object.keys(namespace).every((key) => key === "default" || key === "module.exports" || isInside(key))
    ? whole
    : undefined;
}
