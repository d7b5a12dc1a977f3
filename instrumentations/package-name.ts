// Names of packages and of modules of Node, in what an app loads.
import { isBuiltin } from "node:module";

/** `@scope/name/lib/file.js` is of `@scope/name`; `dns/promises` is a part of Node by itself. */
export function packageOf(name: string): string {
  if (isBuiltin(name)) return name;
  const [first = "", second = ""] = name.split(/[\\/]/, 2);
  return first.startsWith("@") ? `${first}/${second}` : first;
}

/** `fs` of `node:fs`, and `node:sqlite`, which has no other name. */
export function moduleName(name: string): string {
  const bare = name.replace(/^node:/, "");
  return isBuiltin(bare) ? bare : name;
}
