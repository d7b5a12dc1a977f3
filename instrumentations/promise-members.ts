// Promises that libraries give more than a promise has: `promise.cancel()`.

/**
 * Puts what hangs on a promise on the one that follows from it, and returns that: members are read and written there, and methods have
 * it for `this`. Only of plain promises: what a subclass keeps in itself is of one promise alone.
 */
export function withMembersOf<Following>(promise: unknown, following: Following): Following {
  if (!isPlain(promise) || !isPlain(following) || (promise as unknown) === following) return following;
  for (const key of Reflect.ownKeys(promise)) {
    if (Object.hasOwn(following, key)) continue;
    Reflect.defineProperty(following, key, {
      configurable: true,
      enumerable: Object.getOwnPropertyDescriptor(promise, key)?.enumerable ?? false,
      get: () => memberOf(promise, key),
      set(value: unknown) {
        Reflect.set(promise, key, value);
      },
    });
  }
  return following;
}

function memberOf(promise: object, key: PropertyKey): unknown {
  const value: unknown = Reflect.get(promise, key);
  return typeof value === "function" ? (value.bind(promise) as unknown) : value;
}

function isPlain(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype;
}
