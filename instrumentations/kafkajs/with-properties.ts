// Objects of the app with other properties, without a change to the app's.

/** What has a prototype of its own keeps it, with its getters and methods. */
export function withProperties<Given extends object>(given: Given, properties: Partial<Given>): Given {
  const prototype: unknown = Object.getPrototypeOf(given);
  if (prototype === Object.prototype || prototype === null) return { ...given, ...properties };
  const own = Object.entries(properties).map(([key, value]) => [key, { value, enumerable: true }] as const);
  return Object.create(given, Object.fromEntries(own)) as Given;
}
