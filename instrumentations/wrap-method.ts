// Replaces a method of a class that the app loads, once.
import { log } from "../src/diagnostics/log.ts";

/** Of prototypes; a class is seen twice when it is both required and imported, and through each file that exports it. */
const wrapped = new WeakMap<object, Set<string>>();

/**
 * Puts what `wrap` makes of a method in its place; one that was replaced before stays. False when there is no such method, so that
 * the caller can say which versions it knows.
 */
export function wrapMethod<Method>(
  owner: object | undefined,
  name: string,
  wrap: (original: Method) => Method,
): boolean {
  const methods = owner as Record<string, unknown> | undefined;
  if (methods === undefined || typeof methods[name] !== "function") return false;
  let names = wrapped.get(methods);
  if (names === undefined) wrapped.set(methods, (names = new Set()));
  if (names.has(name)) return true;
  names.add(name);
  const original = methods[name] as Method;
  // As a class defines its methods: not enumerable, so that loops over the class see what they saw before.
  Object.defineProperty(methods, name, { configurable: true, writable: true, value: wrap(original) });
  return true;
}

/** The same for a method that every known version has: when a class comes without it, that is said, and its messages carry no trace. */
export function wrapKnownMethod<Method>(
  library: string,
  owner: object | undefined,
  name: string,
  wrap: (original: Method) => Method,
): void {
  if (owner === undefined || wrapMethod(owner, name, wrap)) return;
  log.warn(`this version of ${library} is not known (it has no "${name}"); its messages carry no trace`);
}

/** The prototype of a class that a package exports under this name; undefined where there is none. */
export function prototypeOf(exported: unknown): object | undefined {
  return typeof exported === "function" ? (exported.prototype as object | undefined) : undefined;
}
