// What makes the wrapping of a function, or of a class, look like it.

export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Whether it can be called with `new` only: a class, or one of the language's own. What is compiled for old engines can be called. */
export function isClass(value: AnyFunction): boolean {
  const prototype = Object.getOwnPropertyDescriptor(value, "prototype");
  return prototype?.writable === false && /^class\b|\[native code\]/.test(Function.prototype.toString.call(value));
}

/** Returns it, or what calls it where it is an arrow function and stands for something that `new` is used with. */
export function asConstructible(wrapped: AnyFunction, original: AnyFunction): AnyFunction {
  if (isConstructor(wrapped) || !isConstructor(original)) return wrapped;
  return function constructible(...args) {
    return Reflect.apply(wrapped, this, args);
  };
}

function isConstructor(value: AnyFunction): boolean {
  try {
    // Asks without a call of it.
    Reflect.construct(Object, [], value);
    return true;
  } catch {
    return false;
  }
}

/** Libraries look at the length of functions, and keep more than code in them. `watched`: what stands for the original in wrappings. */
export function resemble(wrapped: AnyFunction, original: AnyFunction, watched: AnyFunction): void {
  // A subclass inherits what it has not itself.
  const isSubclass = Object.prototype.isPrototypeOf.call(watched, wrapped);
  const keys = isSubclass ? ["length", "name"] : Reflect.ownKeys(original);
  try {
    for (const key of keys) {
      const isOfFunctions = key === "length" || key === "name" || key === "prototype";
      if (!isOfFunctions && Object.hasOwn(wrapped, key)) continue;
      const descriptor = Object.getOwnPropertyDescriptor(original, key) as PropertyDescriptor;
      Reflect.defineProperty(wrapped, key, isOfFunctions ? descriptor : live(original, key, descriptor));
    }
    const prototype: unknown = Object.getPrototypeOf(original);
    if (!isSubclass && prototype !== Object.getPrototypeOf(wrapped))
      Object.setPrototypeOf(wrapped, prototype as object);
    inheritPrototype(wrapped, original);
  } catch {
    // It cannot be changed, and is as the instrumentation has made it.
  }
}

/** A class keeps the prototype that it has; subclasses of the app look for the original's methods there. */
function inheritPrototype(wrapped: AnyFunction, original: AnyFunction): void {
  const [prototype, inherited]: unknown[] = [wrapped.prototype, original.prototype];
  if (typeof prototype !== "object" || typeof inherited !== "object" || prototype === null || inherited === null)
    return;
  if (prototype !== inherited && !Object.prototype.isPrototypeOf.call(inherited, prototype))
    Object.setPrototypeOf(prototype, inherited);
}

/** What can be set may change later: the original has it. */
function live(original: AnyFunction, key: string | symbol, descriptor: PropertyDescriptor): PropertyDescriptor {
  const { configurable = false, enumerable = false, writable = false } = descriptor;
  if (!writable) return descriptor;
  const holder = original as unknown as Record<string | symbol, unknown>;
  return {
    configurable,
    enumerable,
    get: () => holder[key],
    set: (value: unknown) => {
      holder[key] = value;
    },
  };
}

/** `instanceof` of a wrapping that has a prototype of its own: whatever the original has made is one of its instances too. */
export function knowInstances(proxy: AnyFunction, original: AnyFunction): void {
  if (!isConstructor(original) || proxy.prototype === original.prototype || Object.hasOwn(proxy, Symbol.hasInstance))
    return;
  Reflect.defineProperty(proxy, Symbol.hasInstance, {
    configurable: true,
    writable: true,
    value(this: unknown, candidate: unknown): boolean {
      // Subclasses of the app inherit this.
      return this === proxy
        ? candidate instanceof original
        : Function.prototype[Symbol.hasInstance].call(this as AnyFunction, candidate);
    },
  });
}
