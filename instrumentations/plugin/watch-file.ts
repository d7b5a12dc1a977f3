// Watches one file of a package, by the name that an app would import it by.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedModule } from "../../src/plugins/definition.ts";
import { type ModuleWatcher, packageOf } from "../modules.ts";

/** `name`: `package`, `@scope/package`, `package/lib/file.js`, `fs`. */
export function watchFile(
  modules: ModuleWatcher,
  name: string,
  onLoad: (exports: unknown, loaded: LoadedModule) => unknown,
): { stop(): void } {
  const bare = name.replace(/^node:/, "");
  const packageName = packageOf(bare);
  const wanted = bare.slice(packageName.length + 1);
  let isStopped = false;
  modules.watch(packageName, (exports, { file, baseDir }) =>
    isStopped || file !== wanted ? undefined : onLoad(exports, { version: versionIn(baseDir), folder: baseDir }),
  );
  return { stop: () => void (isStopped = true) };
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
