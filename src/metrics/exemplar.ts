// Which measurement of a series is kept as its example: the newest, but a failed one for a while.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exemplars
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { isSent } from "../sampling/local-trace.ts";
import { ATTR } from "../semconv.ts";

/** One measurement of a series, with the trace that it came from. */
export interface Exemplar {
  value: number;
  /** Unix time in seconds, with fraction. */
  time: number;
  traceId: string;
  spanId: string;
  requestId: string | undefined;
  /** Exemplars of failed spans are kept over others. */
  failed: boolean;
  /** As OpenMetrics' text and as protobuf have it, a character for each byte; made by who writes it, forgotten when it changes. */
  text?: string | undefined;
  protobuf?: string | undefined;
}

/** A span as the origin of measurements. */
export type Origin = Omit<Exemplar, "value" | "text" | "protobuf">;

/** https://opentelemetry.io/docs/specs/otel/metrics/sdk/#exemplarfilter */
export type ExemplarFilter = "always_on" | "always_off" | "trace_based";

/** What a Date can be at most. */
const END_OF_TIME_S = 8.64e12;

/** How long a failed span's exemplar withstands those of successful ones. */
const FAILED_KEPT_S = 60;

/** Filled anew for each span, and copied by who keeps it. */
const origin: Origin = { time: 0, traceId: "", spanId: "", requestId: undefined, failed: false };

/**
 * Valid until the next call. `trace_based` offers spans that are sent only: any other exemplar would be a link to a trace that nobody has.
 */
export function originOf(span: ReadableSpan, filter: ExemplarFilter, failed: boolean): Origin | undefined {
  if (filter === "always_off") return undefined;
  if (filter === "trace_based" && !isSent(span)) return undefined;
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanoseconds] = span.endTime;
  const time = seconds + nanoseconds / 1e9;
  // An exposition could not hold it.
  if (!(Math.abs(time) < END_OF_TIME_S)) return undefined;
  const requestId = span.attributes[ATTR.requestId];
  origin.time = time;
  origin.traceId = traceId;
  origin.spanId = spanId;
  origin.requestId = typeof requestId === "string" ? requestId : undefined;
  origin.failed = failed;
  return origin;
}

/** Not cleared by a scrape, so that each of several scrapers sees it. */
export function updateExemplar(old: Exemplar | undefined, value: number, origin: Origin): Exemplar {
  if (old === undefined) return { value, ...origin, text: undefined, protobuf: undefined };
  if (old.failed && !origin.failed && origin.time - old.time < FAILED_KEPT_S) return old;
  old.value = value;
  old.time = origin.time;
  old.traceId = origin.traceId;
  old.spanId = origin.spanId;
  old.requestId = origin.requestId;
  old.failed = origin.failed;
  old.text = undefined;
  old.protobuf = undefined;
  return old;
}
