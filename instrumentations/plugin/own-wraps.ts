// Which functions an instrumentation has wrapped already: a package that comes as CommonJS and as ES module is loaded twice by some apps, with
// the same classes or functions in both.

export interface OwnWraps {
  /** Runs what is called when something has been loaded. */
  inLoad<Result>(run: () => Result): Result;
  /** Whether it is a wrapping of an earlier load. Within one load a function may well be wrapped twice. */
  isOfEarlierLoad(value: unknown): boolean;
  /** Notes a wrapping of this load. */
  note<Wrapped extends object>(wrapped: Wrapped): Wrapped;
}

export function createOwnWraps(): OwnWraps {
  const loadOf = new WeakMap<object, number>();
  let loads = 0;
  /** 0 outside of any. */
  let current = 0;
  return {
    inLoad(run) {
      const outer = current;
      current = ++loads;
      try {
        return run();
      } finally {
        current = outer;
      }
    },
    isOfEarlierLoad(value) {
      const load = typeof value === "function" ? loadOf.get(value) : undefined;
      return load !== undefined && load !== current;
    },
    note(wrapped) {
      loadOf.set(wrapped, current);
      return wrapped;
    },
  };
}
