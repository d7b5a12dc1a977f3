// Tells instrumentations of the packages that an app loads, file by file, whatever module system loads them.
import { subscribe } from "node:diagnostics_channel";
import { types } from "node:util";
import { Hook } from "require-in-the-middle";
import { log } from "../src/diagnostics/log.ts";
import { type ImportHooks, loadImportHooks } from "../src/lazy.ts";
import { notAwaited } from "../src/plugins/rejection.ts";
import { changeableCopy, isChanged } from "./changeable-copy.ts";
import { hookLinkedPackages } from "./linked-packages.ts";
import { moduleName, packageOf } from "./package-name.ts";

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
  /**
   * One package: what its name stands for, and the CommonJS files that it is made of. `paths`: files of it, or what it exports by paths
   * (`package/sub`), that are wanted also where they are ES modules.
   */
  watch(packageName: string, onLoad: OnLoad, paths?: readonly string[]): void;
}

/** What is watched after `start` is seen if it is loaded later; of ES modules on Node 22.22.3, 24.11.1 and later. */
export class Modules implements ModuleWatcher {
  readonly #watchers = new Map<string, OnLoad[]>();
  /** Paths in packages, with what the address of such a file ends with. */
  readonly #paths = new Map<string, RegExp>();
  #isStarted = false;
  #imports: ImportHooks | undefined;

  watch(packageName: string, onLoad: OnLoad, paths: readonly string[] = []): void {
    const known = this.#watchers.get(packageName);
    const newPaths = paths.filter((path) => !this.#paths.has(path));
    if (known === undefined) this.#watchers.set(packageName, [onLoad]);
    else known.push(onLoad);
    for (const path of newPaths) this.#paths.set(path, endOf(path));
    if (!this.#isStarted) return;
    const added = known === undefined ? [packageName] : [];
    this.#hookRequires(added);
    this.#hookRequires(newPaths);
    this.#imports?.add([...added, ...newPaths]);
  }

  /** Hooks `require` once for all packages, and `import` when the app first imports anything. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#hookRequires([...this.#watchers.keys()]);
    // By a hook of their own: it shows a file by one name.
    this.#hookRequires([...this.#paths.keys()]);
    hookLinkedPackages(
      (name) => this.#watchers.has(name),
      (...loaded) => this.load(...loaded),
    );
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
        const names = [...this.#watchers.keys(), ...this.#paths.keys()];
        this.#imports = loadImportHooks(
          { names, files: [...this.#paths.values()] },
          (url, specifier) => this.#isImported(url, specifier),
          (exports, name, baseDir, format) => this.load(name, exports, baseDir ?? "", format),
        );
      } catch (error) {
        log.warn(`ES modules cannot be watched (${String(error)}); packages that are imported are not traced`);
      }
    });
  }

  #isImported(url: string, specifier: string): boolean {
    const name = moduleName(specifier);
    if (this.#watchers.has(name) || this.#paths.has(name)) return true;
    for (const end of this.#paths.values()) if (end.test(url)) return true;
    return false;
  }

  /**
   * Shows a file to who watches its package; returns what takes the exports' place. `name` is require-in-the-middle's; `format` is that of
   * an import.
   */
  load(name: string, exports: unknown, baseDir: string, format?: string): unknown {
    const packageName = packageOf(name);
    const file = name.slice(packageName.length + 1).replaceAll("\\", "/");
    // Of `require` of an ES module: nobody can change it, but a copy can take its place.
    const copy = types.isModuleNamespaceObject(exports) ? changeableCopy(exports as object) : undefined;
    if (copy !== undefined) noteFormat(copy, "module");
    else if (format !== undefined) noteFormat(exports as object, format);
    let current: unknown = copy ?? exports;
    for (const onLoad of this.#watchers.get(packageName) ?? []) {
      try {
        const result = notAwaited(onLoad(current, { file, name, baseDir })) ?? current;
        if (copy === undefined) current = result;
        // As of one that is imported.
        else if (result !== copy && "default" in copy) copy.default = result;
      } catch (error) {
        log.warnSometimes(`load ${name}`, `"${name}" could not be instrumented (${String(error)}); it works as ever`);
      }
    }
    return copy !== undefined && !isChanged(copy) ? exports : current;
  }
}

/** Of `package/lib/file.js`: what the address of the file ends with, as an ES module imports it from beside. */
function endOf(specifier: string): RegExp {
  return new RegExp(`/node_modules/${specifier.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}

/** What a package exports under a name, however it was loaded: an ES module that imports CommonJS has it also below `default`. */
export function exportOf<Value>(exports: unknown, name: string): Value | undefined {
  const found = exports as { readonly [key: string]: unknown; readonly default?: { readonly [key: string]: unknown } };
  return (found[name] ?? found.default?.[name]) as Value | undefined;
}

/** Whether what is imported is CommonJS, by the namespace that stands for it; undefined where the loader does not say. */
const formats = new WeakMap<object, "module" | "commonjs">();

function noteFormat(namespace: object, format: string): void {
  // `builtin`, `commonjs`, `commonjs-typescript`; `module`, `module-typescript`.
  formats.set(namespace, format.startsWith("module") ? "module" : "commonjs");
}

/**
 * `module.exports` of a CommonJS module that is imported: the default export. Undefined of anything else, also of an ES module that has a
 * default export alone, where the loader tells.
 */
export function commonJsIn(exports: unknown): object | undefined {
  const namespace = (exports ?? {}) as { readonly [key: string]: unknown; readonly [Symbol.toStringTag]?: unknown };
  const format = formats.get(namespace);
  if (format === "module" || namespace[Symbol.toStringTag] !== "Module") return undefined;
  const { default: whole } = namespace;
  if (!isHolder(whole)) return undefined;
  if (format === "commonjs") return whole;
  // A name that Node has found in the source may be one that the module has not set.
  const isInside = (key: string): boolean => key in whole || namespace[key] === undefined;
  return Object.keys(namespace).every((key) => key === "default" || key === "module.exports" || isInside(key))
    ? whole
    : undefined;
}

/**
 * Puts what a CommonJS module that is imported exports now in the place of what it did: by its names, and as a whole. Names that are accessors
 * stay: nobody has replaced what one gives, and Node's own say that they are deprecated when they are read.
 */
export function renewNames(namespace: object, whole: unknown): void {
  const names = namespace as Record<string, unknown>;
  for (const key of Object.keys(names)) {
    const isWhole = key === "default" || key === "module.exports";
    if (!isWhole && (!isHolder(whole) || !(key in whole) || isAccessor(whole, key))) continue;
    const value = isWhole ? whole : (whole as typeof names)[key];
    if (names[key] !== value) names[key] = value;
  }
}

/** Whether it can have members. */
export function isHolder(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isAccessor(holder: object, key: string): boolean {
  for (let object: object | null = holder; object !== null; object = Object.getPrototypeOf(object) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined) return descriptor.get !== undefined || descriptor.set !== undefined;
  }
  return false;
}
