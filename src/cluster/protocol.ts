// What members and their leader say to each other, and what is accepted of it.
//
//   member                                        leader
//     hello { pid, label, instance } ───────────>
//     <─────────────────────────────── welcome { pid, path }
//     points { series, values, ... } ───────────>         each second, if something has changed
//     <─────────────────────────────── collect { token }  at a scrape
//     points ..., done { token } ───────────────>
//     bye ──────────────────────────────────────>
import type { Attributes, HrTime } from "@opentelemetry/api";

/** Members of another version are not welcome: they serve their metrics themselves. */
export const PROTOCOL = 1;

export type SeriesType = "counter" | "updown" | "gauge" | "histogram" | "exponential";

export interface Scope {
  readonly name: string;
  readonly version?: string;
  readonly schemaUrl?: string;
}

/** Introduces a series; afterwards it is its id. */
export interface NewSeries {
  readonly id: number;
  readonly scope: Scope;
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly type: SeriesType;
  readonly isInteger: boolean;
  readonly attributes: Attributes;
  /** Of a histogram. */
  readonly boundaries?: readonly number[];
  /** A later one than before says that the series began at zero again. */
  readonly startTime: HrTime;
}

export interface Hello {
  readonly type: "hello";
  readonly version: number;
  readonly pid: number;
  /** The value of `worker` on this member's gauges. */
  readonly label: string;
  /** The same for as long as the member counts on from the same values, over whatever link. */
  readonly instance: string;
}

export interface Welcome {
  readonly type: "welcome";
  readonly pid: number;
  /** Where the leader can be reached by socket when this link ends before the member does. */
  readonly path?: string;
}

export type WireExemplar = readonly [
  id: number,
  bucket: number,
  value: number,
  time: number,
  traceId: string,
  spanId: string,
  requestId: string | null,
  failed: boolean,
];

/** Absolute values of what has changed. `null` is what JSON makes of NaN. */
export interface Points {
  readonly type: "points";
  readonly series: readonly NewSeries[];
  /** `[id, value]`, or of a histogram `[id, sum, ...counts]`. */
  readonly values: readonly (readonly (number | null)[])[];
  /** See `exponentialNumbers`. */
  readonly exponential: readonly (readonly number[])[];
  readonly exemplars: readonly WireExemplar[];
  /** Series that are no longer there. */
  readonly gone: readonly number[];
}

export type Message =
  | Hello
  | Welcome
  | Points
  | { readonly type: "collect"; readonly token: number }
  | { readonly type: "done"; readonly token: number }
  | { readonly type: "bye" };

const TYPES: ReadonlySet<unknown> = new Set<SeriesType>(["counter", "updown", "gauge", "histogram", "exponential"]);
const MAX_ITEMS = 10_000;
const MAX_NUMBERS = 2_000;
const MAX_ATTRIBUTES = 128;

/** The message, or undefined where it is not one. */
export function parseMessage(given: unknown): Message | undefined {
  if (!isRecord(given)) return undefined;
  switch (given["type"]) {
    case "hello":
      return isNumber(given["version"]) && isNumber(given["pid"]) && isText(given["label"]) && isText(given["instance"])
        ? (given as unknown as Hello)
        : undefined;
    case "welcome":
      return isNumber(given["pid"]) && (given["path"] === undefined || isText(given["path"]))
        ? (given as unknown as Welcome)
        : undefined;
    case "collect":
    case "done":
      return isNumber(given["token"]) ? (given as unknown as Message) : undefined;
    case "bye":
      return { type: "bye" };
    case "points":
      return isPoints(given) ? (given as unknown as Points) : undefined;
    default:
      return undefined;
  }
}

function isPoints({ series, values, exponential, exemplars, gone }: Record<string, unknown>): boolean {
  return (
    isListOf(series, isNewSeries) &&
    isListOf(values, (row) => isListOf(row, isNumberOrNull, MAX_NUMBERS)) &&
    isListOf(exponential, (row) => isListOf(row, isNumber, MAX_NUMBERS)) &&
    isListOf(exemplars, isWireExemplar) &&
    isListOf(gone, isNumber)
  );
}

function isNewSeries(one: unknown): boolean {
  if (!isRecord(one) || !isRecord(one["scope"]) || !isRecord(one["attributes"])) return false;
  const { scope, attributes, boundaries, startTime } = one as { [key: string]: Record<string, unknown> };
  return (
    isNumber(one["id"]) &&
    isText(scope?.["name"]) &&
    isText(scope["version"] ?? "") &&
    isText(scope["schemaUrl"] ?? "") &&
    isText(one["name"]) &&
    isText(one["description"]) &&
    isText(one["unit"]) &&
    typeof one["isInteger"] === "boolean" &&
    TYPES.has(one["type"]) &&
    isListOf(Object.values(attributes ?? {}), isAttribute, MAX_ATTRIBUTES) &&
    (one["type"] === "histogram" ? isListOf(boundaries, isNumber, MAX_NUMBERS) : boundaries === undefined) &&
    isListOf(startTime, isNumber) &&
    (startTime as unknown as unknown[]).length === 2
  );
}

function isWireExemplar(row: unknown): boolean {
  if (!Array.isArray(row) || row.length !== 8) return false;
  const [id, bucket, value, time, traceId, spanId, requestId, failed] = row as unknown[];
  return (
    [id, bucket, value, time].every(isNumber) &&
    isText(traceId) &&
    isText(spanId) &&
    (requestId === null || isText(requestId)) &&
    typeof failed === "boolean"
  );
}

function isAttribute(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((one) => one === null || isScalar(one));
  return isScalar(value);
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isListOf(list: unknown, test: (one: unknown) => boolean, limit: number = MAX_ITEMS): boolean {
  return Array.isArray(list) && list.length <= limit && list.every(test);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === "number";
}
