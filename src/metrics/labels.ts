// What may stand in a label: bounded in length, in form and, if asked for, in the ids that it holds. Pure.

export type LabelValue = string | number | boolean | undefined;

/** Longer values are cut: a label is an identity, not a payload. */
export const MAX_VALUE_LENGTH = 255;

/** Takes the place of values beyond a label's limit. */
export const OTHER_VALUE = "_other";

/** One label of a family. */
export interface Label {
  readonly key: string;
  /** Distinct values at most; what comes later is `_other`. @default none */
  readonly limit?: number;
  /** Brings a value into its allowed form; not called for `undefined`. */
  readonly clean?: (value: Exclude<LabelValue, undefined>) => LabelValue;
}

export function cleanValue({ clean }: Label, value: LabelValue): LabelValue {
  const given = primitive(value);
  if (given === undefined) return undefined;
  const cleaned = clean === undefined ? given : clean(given);
  return typeof cleaned === "string" ? writable(cut(cleaned)) : cleaned;
}

/** Attributes may be arrays and maps, which would be a new map key each time; a map's own `toString` need not be a function. */
export function primitive(value: unknown): LabelValue {
  if (typeof value !== "object") return value as LabelValue;
  if (value === null) return undefined;
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Never through the middle of a surrogate pair. A copy: a mere slice would keep the whole of the text in memory. */
function cut(value: string): string {
  if (value.length <= MAX_VALUE_LENGTH) return value;
  const end = /[\uD800-\uDBFF]/.test(value[MAX_VALUE_LENGTH - 1] as string) ? MAX_VALUE_LENGTH - 1 : MAX_VALUE_LENGTH;
  return Buffer.from(value.slice(0, end), "utf16le").toString("utf16le");
}

/** What an exposition cannot hold would there be U+FFFD, and two series one, of which the second would be lost. */
function writable(value: string): string {
  return value.toWellFormed().replaceAll("\0", "\uFFFD");
}

/** https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (`http.request.method`) */
const METHODS: ReadonlySet<LabelValue> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "QUERY",
  "TRACE",
  "_OTHER",
]);

export function cleanMethod(value: LabelValue): LabelValue {
  return METHODS.has(value) ? value : "_OTHER";
}

/** A status code that is none is no label. */
export function cleanStatusCode(value: LabelValue): LabelValue {
  const code = Number(value);
  return Number.isInteger(code) && code >= 100 && code <= 599 ? code : undefined;
}

const ID_SEGMENTS: readonly RegExp[] = [
  /^\d+$/,
  /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i,
  /^[\da-f]{16,}$/i,
  // ULID
  /^[0-7][\dA-HJKMNP-TV-Z]{25}$/i,
  /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?$/i,
  /^[^@\s]{1,64}@[^@\s]{1,190}$/,
];

/** `GET /users/42/orders` is `GET /users/{id}/orders`. */
export function templateIds(value: LabelValue): LabelValue {
  if (typeof value !== "string" || !/[\d@]|[\da-f]{16}/i.test(value)) return value;
  return value.slice(0, 2 * MAX_VALUE_LENGTH).replaceAll(/[^/\s?&=,]+/g, (segment) => {
    return ID_SEGMENTS.some((pattern) => pattern.test(segment)) ? "{id}" : segment;
  });
}
