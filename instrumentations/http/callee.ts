// What a response says of the service that made it: how long it took there, and which trace it is of.
import { type SpanContext, TraceFlags, isSpanContextValid } from "@opentelemetry/api";

/** Milliseconds, or seconds with their unit: `12`, `12.3ms`, `0.012s`. */
const RESPONSE_TIME = /^(\d{1,9}(?:\.\d{1,9})?)\s?(ms|s)?$/;
/** An hour; whoever says more means something else. */
const MAX_SECONDS = 3_600;

/** `X-Response-Time` in seconds; undefined for what is none. */
export function responseTimeOf(value: string): number | undefined {
  const match = RESPONSE_TIME.exec(value);
  if (match === null) return undefined;
  const seconds = match[2] === "s" ? Number(match[1]) : Number(match[1]) / 1_000;
  return seconds <= MAX_SECONDS ? seconds : undefined;
}

/** As redtrail writes it (response-headers.ts), and as others do: `traceparent;desc="00-..."`. */
const TRACE = /(?:^|,)\s{0,8}trace(?:parent)?;\s{0,8}desc="?00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"?/;
/** Characters of the header that are looked through. */
const MAX_LENGTH = 2_048;

/** The span that a `Server-Timing` header names; undefined when it names none. */
export function servingSpanOf(value: string): SpanContext | undefined {
  const match = TRACE.exec(value.length <= MAX_LENGTH ? value : value.slice(0, MAX_LENGTH));
  if (match === null) return undefined;
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string];
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const context: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  return isSpanContextValid(context) ? context : undefined;
}

/** What is told of the callee; a call (client-call.ts) is one. */
export interface CalleeListener {
  responseTime(value: string): void;
  serverTiming(value: string): void;
}

/**
 * Looks through the headers of a response: `[name, value, ...]` of texts or bytes as node:http and undici have them, or an object with
 * keys in lower case. Most responses have neither header, so names are compared by their length first.
 */
export function hearCallee(headers: unknown, listener: CalleeListener): void {
  if (!Array.isArray(headers)) {
    const fields = (headers ?? {}) as Readonly<Record<string, unknown>>;
    if (fields["x-response-time"] !== undefined) listener.responseTime(textOf(fields["x-response-time"]));
    if (fields["server-timing"] !== undefined) listener.serverTiming(textOf(fields["server-timing"]));
    return;
  }
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string | Uint8Array;
    if (name.length === 15 && textOf(name).toLowerCase() === "x-response-time") {
      listener.responseTime(textOf(headers[index + 1]));
    } else if (name.length === 13 && textOf(name).toLowerCase() === "server-timing") {
      listener.serverTiming(textOf(headers[index + 1]));
    }
  }
}

/** A header that came twice is a list in undici; what is meant then is anybody's guess, but for lists of timings. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(textOf).join(",");
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);
}
