// A copy of an ES module's namespace, which itself cannot be changed, for those who `require` it.

export type Copy = Record<string, unknown>;

/** What is not replaced is read from the module at each use, as it may change: `export let`. */
export function changeableCopy(namespace: object): Copy {
  const live = namespace as Copy;
  const copy: Copy = {};
  Object.defineProperty(copy, Symbol.toStringTag, { value: "Module" });
  for (const key of Object.keys(namespace)) {
    Object.defineProperty(copy, key, {
      configurable: true,
      enumerable: true,
      get: () => live[key],
      set: (value: unknown) => {
        Object.defineProperty(copy, key, { configurable: true, enumerable: true, writable: true, value });
      },
    });
  }
  return copy;
}

/** Whether anything in it was set. */
export function isChanged(copy: Copy): boolean {
  return Object.keys(copy).some((key) => Object.getOwnPropertyDescriptor(copy, key)?.get === undefined);
}
