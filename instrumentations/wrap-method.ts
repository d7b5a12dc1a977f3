// Replaces a method of a class that the app loads, once, and so that what we do wrong in it stays with us.
import { describeError } from "../src/diagnostics/describe-error.ts";
import { log } from "../src/diagnostics/log.ts";
import { guardWrapper } from "./upstream/guard.ts";

/** Of prototypes; a class is seen twice when it is both required and imported, and through each file that exports it. */
const wrapped = new WeakMap<object, Set<PropertyKey>>();

/**
 * Puts what `wrap` makes of a method in its place (see inPlaceOf); one that was replaced before stays. False when there is no such method,
 * so that the caller can say which versions it knows.
 */
export function wrapMethod<Method>(
  library: string,
  owner: object | undefined,
  name: PropertyKey,
  wrap: (original: Method) => Method,
): boolean {
  return replaceMethod<Method>(owner, name, (original) => inPlaceOf(`${String(name)} of ${library}`, original, wrap));
}

/** The same for a function that does without the original, and keeps what it does wrong to itself. */
export function replaceMethod<Method>(
  owner: object | undefined,
  name: PropertyKey,
  make: (original: Method) => Method,
): boolean {
  const methods = owner as Record<PropertyKey, unknown> | undefined;
  if (methods === undefined || typeof methods[name] !== "function") return false;
  if (!isFirst(methods, name)) return true;
  const value = make(methods[name] as Method);
  // As it was; of a class: not enumerable, so that loops over it see what they saw before.
  const { enumerable = false } = Object.getOwnPropertyDescriptor(methods, name) ?? {};
  Object.defineProperty(methods, name, { configurable: true, enumerable, writable: true, value });
  return true;
}

/** wrapMethod for a method that every known version has: when a class comes without it, that is said, and its messages carry no trace. */
export function wrapKnownMethod<Method>(
  library: string,
  owner: object | undefined,
  name: string,
  wrap: (original: Method) => Method,
): void {
  if (owner === undefined || wrapMethod(library, owner, name, wrap)) return;
  log.warn(`this version of ${library} is not known (it has no "${name}"); its messages carry no trace`);
}

/** The same for a property that is read. */
export function wrapGetter(owner: object | undefined, name: string, beforeGet: (self: object) => void): void {
  const descriptor = owner === undefined ? undefined : Object.getOwnPropertyDescriptor(owner, name);
  if (owner === undefined || descriptor?.get === undefined || !isFirst(owner, name)) return;
  const { get } = descriptor;
  Object.defineProperty(owner, name, {
    ...descriptor,
    get(this: object) {
      beforeGet(this);
      return get.call(this) as unknown;
    },
  });
}

/**
 * What `wrap` makes of a function of a library or of the app. A call that cannot be described (libraries take what their types forbid) goes
 * to the function as it came, and fails or succeeds as it would without us. `wrap`'s function has to call the original before it returns.
 */
export function inPlaceOf<Method>(what: string, original: Method, wrap: (original: Method) => Method): Method {
  const guarded = guardWrapper(wrap as never, (error) =>
    log.warnSometimes(what, `a call of ${what} could not be traced (${describeError(error)}); it works as ever`),
  );
  return guarded(original as never) as Method;
}

/** The prototype of a class that a package exports under this name; undefined where there is none. */
export function prototypeOf(exported: unknown): object | undefined {
  return typeof exported === "function" ? (exported.prototype as object | undefined) : undefined;
}

function isFirst(owner: object, name: PropertyKey): boolean {
  const names = wrapped.get(owner) ?? new Set();
  if (names.has(name)) return false;
  wrapped.set(owner, names.add(name));
  return true;
}
