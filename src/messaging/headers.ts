// The context of a request in the headers of a message: written by who sends it, read by who processes it.
import {
  type Context,
  type TextMapGetter,
  type TextMapSetter,
  ROOT_CONTEXT,
  isSpanContextValid,
  propagation,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { REQUEST_ID_HEADERS } from "../propagators/request-id.ts";
import { traceFields } from "../propagators/trace-fields.ts";
import { getState } from "../state.ts";
import type { MessageHeaders } from "./message.ts";
import { sharedMessaging } from "./shared.ts";

export type { MessageHeaders } from "./message.ts";

/** Epoch milliseconds: when a message was sent. */
export const SENT_AT = "x-sent-at";

/**
 * Bytes of headers that a message gets from us at most, where nothing less is asked for: brokers refuse what is too large, and with it
 * the app's message. What does not fit is left out and counted; trace and request id always fit.
 */
export const MAX_ADDED_BYTES = 4096;

/** What a request may have any amount of: baggage in its three forms, and the state of other vendors. The rest is short by its grammar. */
const UNBOUNDED = /^(?:baggage$|tracestate$|uberctx-|ot-baggage-)/;

/** Names of one message that are compared whatever their case; what has more is found by its exact name. */
const MAX_COMPARED = 1000;

/** Of the message that is being written; injection is synchronous. */
let room = MAX_ADDED_BYTES;

/** The names in the message that is being read, asked for once: propagators look for a dozen. */
let listed: { readonly headers: MessageHeaders; readonly names: readonly string[] } | undefined;

const setter: TextMapSetter<MessageHeaders> = {
  set(headers, key, value) {
    // The propagator itself keeps it in plain objects only.
    if (isRequestIdHeader(key) && comparedNames(headers)?.some((name) => isSame(name, key)) === true) return;
    const size = key.length + value.length;
    if (size > room && UNBOUNDED.test(key)) {
      sharedMessaging.counts.droppedHeaders++;
      return;
    }
    room -= size;
    headers[key] = value;
  },
};

const getter: TextMapGetter<MessageHeaders> = {
  get(headers, key) {
    const present = findKey(headers, key);
    const value = present === undefined ? undefined : headers[present];
    return Array.isArray(value) ? value.map(textOf).filter((one) => one !== undefined) : textOf(value);
  },
  keys: (headers) => Object.keys(headers),
};

/**
 * Adds to `headers` what the context has to say, in `maxBytes`; nothing while tracing is suppressed. A message that is passed on has
 * headers of another trace, which give way; baggage does to baggage only, and a request id that it has stays (see its propagator).
 */
export function injectHeaders(
  context: Context,
  headers: MessageHeaders,
  now: number = Date.now(),
  maxBytes: number = MAX_ADDED_BYTES,
): void {
  if (isTracingSuppressed(context)) return;
  dropOld(context, headers);
  room = maxBytes;
  propagation.inject(context, headers, setter);
  headers[SENT_AT] = String(now);
}

/** What tells of a trace, or of baggage, goes where one comes in its place, whatever its case; what tells the time goes always. */
function dropOld(context: Context, headers: MessageHeaders): void {
  const spanContext = trace.getSpanContext(context);
  const ofTrace = spanContext !== undefined && isSpanContextValid(spanContext) ? traceFields() : [];
  const isOfBaggage = propagation.getBaggage(context) === undefined ? undefined : createBaggageTest();
  for (const key of comparedNames(headers) ?? [...ofTrace, SENT_AT]) {
    const name = key.toLowerCase();
    if (name === SENT_AT || ofTrace.includes(name) || isOfBaggage?.(name) === true) delete headers[key];
  }
}

/** In any of its three forms, of propagators that are there. */
function createBaggageTest(): (name: string) => boolean {
  const fields = propagation.fields();
  return (name) =>
    (name === "baggage" && fields.includes("baggage")) ||
    (name.startsWith("uberctx-") && fields.includes("uber-trace-id")) ||
    (name.startsWith("ot-baggage-") && fields.includes("ot-tracer-traceid"));
}

/** `name` in lower case. */
export function isRequestIdHeader(name: string): boolean {
  return (getState()?.requestIdHeaders ?? REQUEST_ID_HEADERS).includes(name);
}

/** What the message was sent in; whatever runs now has no part in it. */
export function extractHeaders(headers: MessageHeaders): Context {
  try {
    return propagation.extract(ROOT_CONTEXT, headers, getter);
  } finally {
    listed = undefined;
  }
}

/** Milliseconds that a message has waited, 0 or more (clocks differ); undefined when neither it nor its broker says. */
export function waitedMs(
  headers: MessageHeaders,
  sentAtMs: number | undefined,
  now: number = Date.now(),
): number | undefined {
  const text = textOf(headers[SENT_AT]);
  const sentAt = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : sentAtMs;
  return sentAt !== undefined && Number.isFinite(sentAt) ? Math.max(0, now - sentAt) : undefined;
}

/** Texts, numbers, bytes; and what AWS makes of them, `{ DataType: "String", StringValue: "a" }` and its other spellings. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (value instanceof Uint8Array) return decode(value);
  if (typeof value !== "object" || value === null) return undefined;
  const { StringValue, BinaryValue, stringValue, Value } = value as Record<string, unknown>;
  const given = StringValue ?? BinaryValue ?? stringValue ?? Value;
  return typeof given === "string" || given instanceof Uint8Array ? textOf(given) : undefined;
}

/** Without a copy. */
export function decode(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString("utf8");
}

/** The key as the message has it, whatever its case. */
function findKey(headers: MessageHeaders, key: string): string | undefined {
  if (Object.hasOwn(headers, key)) return key;
  if (listed?.headers !== headers) listed = { headers, names: comparedNames(headers) ?? [] };
  return listed.names.find((name) => isSame(name, key));
}

/** Undefined of a message that has too many. */
function comparedNames(headers: MessageHeaders): string[] | undefined {
  const names = Object.keys(headers);
  return names.length > MAX_COMPARED ? undefined : names;
}

/** `key` in lower case. */
function isSame(name: string, key: string): boolean {
  return name.length === key.length && name.toLowerCase() === key;
}
