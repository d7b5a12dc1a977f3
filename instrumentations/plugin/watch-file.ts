// Watches one file of a package, by the name that an app would import it by, and makes the module systems look alike.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedModule } from "../../src/plugins/definition.ts";
import { type ModuleWatcher, commonJsIn, packageOf } from "../modules.ts";

type Exports = Record<string, unknown>;
type OnLoad = (exports: unknown, loaded: LoadedModule) => unknown;

/** `name`: `package`, `@scope/package`, `package/lib/file.js`, `fs`. */
export function watchFile(modules: ModuleWatcher, name: string, onLoad: OnLoad): { stop(): void } {
  const bare = name.replace(/^node:/, "");
  const packageName = packageOf(bare);
  const wanted = bare.slice(packageName.length + 1);
  /** What has been seen, with what took its place: an app may `require` and `import` the same module. */
  const seen = new WeakMap<object, unknown>();
  let isStopped = false;

  function once(exports: unknown, loaded: LoadedModule): unknown {
    if ((typeof exports !== "object" && typeof exports !== "function") || exports === null) {
      return onLoad(exports, loaded) ?? exports;
    }
    if (seen.has(exports)) return seen.get(exports);
    const replaced = onLoad(exports, loaded) ?? exports;
    seen.set(exports, replaced);
    return replaced;
  }

  modules.watch(packageName, (exports, { file, baseDir }) => {
    if (isStopped || file !== wanted) return undefined;
    const loaded = { version: versionIn(baseDir), folder: baseDir };
    const commonJs = commonJsIn(exports);
    if (commonJs === undefined) return once(exports, loaded);
    const replaced = once(commonJs, loaded);
    renew(exports as Exports, replaced);
    return replaced;
  });
  return {
    stop: () => {
      isStopped = true;
    },
  };
}

/** What is exported by name, as it is now. */
function renew(namespace: Exports, replaced: unknown): void {
  for (const key of Object.keys(namespace)) {
    if (key === "default" || key === "module.exports") namespace[key] = replaced;
    else namespace[key] = (replaced as Exports)[key];
  }
}

function versionIn(folder: string): string | undefined {
  if (folder === "") return undefined;
  try {
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly version?: unknown;
    };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined;
  }
}
