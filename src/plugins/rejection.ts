// What a plug-in gives where nothing can wait for it: a promise is no answer, and its rejection must not end the app.
import { types } from "node:util";

/** Whether it is a promise; a rejection of it is handled, by `onRejected`. */
export function isPromiseOf(value: unknown, onRejected: (error: unknown) => void, onFulfilled?: () => void): boolean {
  if (!types.isPromise(value)) return false;
  // Not by its own `then`, which a subclass may have replaced.
  void Promise.prototype.then.call(value, onFulfilled, onRejected);
  return true;
}

/** Throws where it is a promise; its rejection says no more than that. */
export function notAwaited<Value>(value: Value): Value {
  if (isPromiseOf(value, () => {})) throw new TypeError("it gives a promise, and nothing can wait for that");
  return value;
}
