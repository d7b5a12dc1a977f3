// Objects of the app with other properties, without a change to the app's.

/** What has a class of its own keeps it. Its getters and methods run on the app's object, which has what is private to it. */
export function withProperties<Given extends object>(given: Given, properties: Partial<Given>): Given {
  const prototype: unknown = Object.getPrototypeOf(given);
  if (prototype === Object.prototype || prototype === null) return { ...given, ...properties };
  const copy = Object.create(given) as Given;
  for (let owner: object | null = given; owner !== null && owner !== Object.prototype; owner = prototypeOf(owner)) {
    for (const key of Reflect.ownKeys(owner)) {
      if (Object.hasOwn(copy, key) || key === "constructor") continue;
      const enumerable = Object.prototype.propertyIsEnumerable.call(owner, key);
      Object.defineProperty(copy, key, { configurable: true, enumerable, get: () => bound(given, key) });
    }
  }
  for (const [key, value] of Object.entries(properties)) {
    Object.defineProperty(copy, key, { configurable: true, enumerable: true, writable: true, value });
  }
  return copy;
}

function prototypeOf(object: object): object | null {
  return Object.getPrototypeOf(object) as object | null;
}

function bound(given: object, key: PropertyKey): unknown {
  const value: unknown = given[key as never];
  return typeof value === "function" ? (value.bind(given) as unknown) : value;
}
