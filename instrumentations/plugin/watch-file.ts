// Watches one file of a package, by the name that an app would import it by, and makes the module systems look alike.
import { readFileSync } from "node:fs";
import { findPackageJSON, isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { LoadedModule } from "../../src/plugins/definition.ts";
import { type ModuleWatcher, commonJsIn, renewNames } from "../modules.ts";
import { createOnce } from "../once-per-file.ts";
import { moduleName, packageOf } from "../package-name.ts";

type OnLoad = (exports: unknown, loaded: LoadedModule) => unknown;

/** `name`: `package`, `@scope/package`, `package/lib/file.js`, `fs`, `node:sqlite`. */
export function watchFile(modules: ModuleWatcher, name: string, onLoad: OnLoad): { stop(): void } {
  const specifier = moduleName(name);
  const packageName = packageOf(specifier);
  const wanted = specifier.slice(packageName.length + 1);
  /** An app may `require` and `import` the same module. */
  const once = createOnce();
  let isStopped = false;

  modules.watch(
    packageName,
    (exports, { file, baseDir }) => {
      if (isStopped || file !== wanted) return undefined;
      const loaded = versionAndFolder(packageName, baseDir);
      const commonJs = commonJsIn(exports);
      if (commonJs === undefined) return once(exports, specifier, () => onLoad(exports, loaded));
      // Whoever watches it too gets the namespace, as this one did.
      renewNames(
        exports as object,
        once(commonJs, specifier, () => onLoad(commonJs, loaded)),
      );
      return undefined;
    },
    wanted === "" ? [] : [specifier],
  );
  return {
    stop: () => {
      isStopped = true;
    },
  };
}

function versionAndFolder(packageName: string, folder: string): LoadedModule {
  if (isBuiltin(packageName)) return { version: undefined, folder };
  try {
    // A linked package that is imported comes without its folder.
    const file =
      folder === ""
        ? findPackageJSON(packageName, pathToFileURL(join(process.cwd(), "x.js")))
        : join(folder, "package.json");
    if (file === undefined) return { version: undefined, folder };
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version?: unknown };
    return { version: typeof version === "string" ? version : undefined, folder: dirname(file) };
  } catch {
    return { version: undefined, folder };
  }
}
