// Keeps what an instrumentation of others throws away from the app that it has wrapped.

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Wrapper = (original: AnyFunction) => AnyFunction;

/**
 * What `wrapper` makes of a function, such that the app gets what the function itself would give whatever the wrapping does: when that
 * fails before the function was called, it is called after all; when it fails afterwards, the function's own result counts. What
 * the function throws goes to the app, once. `onFailure` hears of the wrapping's failures.
 */
export function guardWrapper(wrapper: Wrapper, onFailure: (error: unknown) => void): Wrapper {
  return (original) => {
    // Of the call that is going on; a call within it has a record of its own, and puts this one back.
    let current: { outcome?: { readonly result?: unknown; readonly error?: unknown } } = {};

    function finished<Result>(run: () => Result): Result {
      const call = current;
      try {
        const result = run();
        call.outcome = { result };
        return result;
      } catch (error) {
        call.outcome = { error };
        throw error;
      }
    }

    function guarded(callWrapped: () => unknown, callOriginal: () => unknown): unknown {
      const outer = current;
      const call: typeof current = {};
      current = call;
      try {
        return callWrapped();
      } catch (error) {
        const { outcome } = call;
        if (outcome !== undefined && "error" in outcome && outcome.error === error) throw error;
        onFailure(error);
        if (outcome === undefined) return callOriginal();
        if ("error" in outcome) throw outcome.error;
        return outcome.result;
      } finally {
        current = outer;
      }
    }

    const watched: AnyFunction = new Proxy(original, {
      apply: (target, self, args) => finished(() => Reflect.apply(target, self, args)),
      construct: (target, args, newTarget: AnyFunction) =>
        finished(() => Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object),
    });
    const wrapped = wrapper(watched);
    const proxy: AnyFunction = new Proxy(wrapped, {
      apply: (target, self, args: unknown[]) =>
        guarded(
          () => Reflect.apply(target, self, args),
          () => Reflect.apply(original, self, args),
        ),
      construct: (target, args, newTarget: AnyFunction) =>
        guarded(
          () => Reflect.construct(target, args, newTarget === proxy ? target : newTarget),
          () => Reflect.construct(original, args, newTarget === proxy ? original : newTarget),
        ) as object,
    });
    return proxy;
  };
}
