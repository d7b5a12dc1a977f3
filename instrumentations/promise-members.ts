// Promises that libraries give more than a promise has: `promise.cancel()`.

/**
 * Puts what hangs on a promise on the one that follows from it, and returns that. Only of plain promises: what a subclass keeps in itself is of
 * one promise alone.
 */
export function withMembersOf<Following>(promise: unknown, following: Following): Following {
  if (!isPlain(promise) || !isPlain(following) || (promise as unknown) === following) return following;
  for (const key of Reflect.ownKeys(promise)) {
    if (Object.hasOwn(following, key)) continue;
    Reflect.defineProperty(following, key, Object.getOwnPropertyDescriptor(promise, key) as PropertyDescriptor);
  }
  return following;
}

function isPlain(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype;
}
