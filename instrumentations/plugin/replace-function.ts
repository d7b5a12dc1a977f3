// Puts a function in another's place, on a class's prototype, an object, or the exports of a module.
import type { AnyFunction } from "../../src/plugins/definition.ts";

/** Returns how to take it back; a wrapper that returns the function itself leaves all as it is. Throws when there is no such function, or it cannot be replaced. */
export function replaceFunction(
  target: object,
  name: string | symbol,
  wrapper: (original: AnyFunction) => AnyFunction,
): () => void {
  const holder = target as Record<string | symbol, unknown>;
  const original = holder[name];
  if (typeof original !== "function") throw new TypeError(`"${String(name)}" is no function`);
  const wrapped = wrapper(original as AnyFunction);
  if (wrapped === original) return () => {};
  set(holder, name, wrapped);
  if (holder[name] !== wrapped) throw new TypeError(`"${String(name)}" cannot be replaced`);
  return () => {
    if (holder[name] === wrapped) set(holder, name, original);
  };
}

/** Exports that a compiler has made are often getters. */
function set(holder: Record<string | symbol, unknown>, name: string | symbol, value: unknown): void {
  const present = Object.getOwnPropertyDescriptor(holder, name);
  if (present?.get !== undefined && present.configurable === true) {
    const { enumerable = true } = present;
    Object.defineProperty(holder, name, { value, enumerable, configurable: true, writable: true });
  } else holder[name] = value;
}
