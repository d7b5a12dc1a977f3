// The global registry of OpenTelemetry's API, whatever copy of the API wrote it: what is registered there, and how redtrail comes to have it.
// A copy registers nothing in a registry that a copy of another version has made, and says so to nobody but its own logger.

const KEY: unique symbol = Symbol.for("opentelemetry.js.api.1") as never;
const holder = globalThis as { [KEY]?: Registry };

interface Registry {
  readonly version?: string;
  trace?: unknown;
  metrics?: unknown;
  context?: unknown;
  propagation?: unknown;
  diag?: unknown;
}
export type ApiPart = Exclude<keyof Registry, "version">;

const NAMES: Readonly<Record<ApiPart, string>> = {
  trace: "tracer provider",
  metrics: "meter provider",
  context: "context manager",
  propagation: "propagator",
  diag: "logger",
};
const PARTS = Object.keys(NAMES) as ApiPart[];

/** What is registered; empty where there is no registry. */
export function registered(): Readonly<Registry> {
  return { ...holder[KEY] };
}

/** The API of an SDK that is registered, for a message; undefined where there is none. */
export function registeredSdk(): string | undefined {
  const { trace } = registered();
  return trace === undefined ? undefined : apiOf(registered());
}

/** Takes off what has been registered since, and the registry itself if it is new. Returns what that was. */
export function takeOffSince(before: Readonly<Registry>): readonly ApiPart[] {
  const now = holder[KEY];
  if (now === undefined) return [];
  const added = PARTS.filter((part) => now[part] !== undefined && now[part] !== before[part]);
  if (PARTS.every((part) => before[part] === undefined)) Reflect.deleteProperty(holder, KEY);
  else for (const part of added) now[part] = before[part];
  return added;
}

/** Makes room for redtrail's own copy of the API, which makes the registry anew. Returns what was there. */
export function emptyRegistry(): Readonly<Registry> {
  const before = registered();
  Reflect.deleteProperty(holder, KEY);
  return before;
}

/**
 * Puts the app's meter provider back, which tracing does not need: what the app counts goes where the app wants it. Returns what is to be
 * said of what was there, once redtrail's own is registered.
 */
export function keepMeterProvider(before: Readonly<Registry>): string | undefined {
  const now = holder[KEY];
  const parts = PARTS.filter((part) => before[part] !== undefined);
  if (now === undefined || parts.length === 0) return undefined;
  if (before.metrics !== undefined) now.metrics = before.metrics;
  // redtrail's logger takes the place of any other.
  if (parts.every((part) => part === "diag") && before.version === now.version) return undefined;
  const kept = before.metrics === undefined ? "" : ", but the meter provider stays: what the app records goes there";
  return `OpenTelemetry's API was set up before (${apiOf(before)}: ${namesOf(parts)}); redtrail takes its place${kept}`;
}

/** What is to be said of parts that are not registered as they should be; undefined where all are. */
export function refused(parts: Readonly<Partial<Record<ApiPart, unknown>>>): string | undefined {
  const now = registered();
  // The API keeps a proxy of a tracer provider.
  const isThere = (part: ApiPart): boolean => (part === "trace" ? now.trace !== undefined : now[part] === parts[part]);
  const missing = PARTS.filter((part) => part in parts && !isThere(part));
  if (missing.length === 0) return undefined;
  return `OpenTelemetry's API (${apiOf(now)}) has not taken redtrail's ${namesOf(missing)}; requests are not traced as they should be`;
}

function apiOf({ version = "of unknown version" }: Readonly<Registry>): string {
  return `@opentelemetry/api ${version}`;
}

function namesOf(parts: readonly ApiPart[]): string {
  return parts.map((part) => NAMES[part]).join(", ");
}
