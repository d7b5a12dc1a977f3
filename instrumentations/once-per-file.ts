// What has been made of a file already: it is shown by each way, and each name, that it is loaded by.
import { isHolder } from "./modules.ts";

/** Runs `load` for what a file exports, unless it has for the same file, and returns what took its place: `undefined` of `load` is nothing. */
export type Once = (exports: unknown, name: string, load: () => unknown) => unknown;

/** `name`: of the file. What took the exports' place is known as well as they are. */
export function createOnce(): Once {
  const seen = new WeakMap<object, Map<string, unknown>>();
  return (exports, name, load) => {
    if (!isHolder(exports)) return load() ?? exports;
    const known = seen.get(exports)?.get(name);
    if (known !== undefined) return known;
    const result = load() ?? exports;
    for (const one of [exports, result]) {
      if (isHolder(one)) seen.set(one, (seen.get(one) ?? new Map<string, unknown>()).set(name, result));
    }
    return result;
  };
}
