// X-Trace-ID, X-Span-ID and X-Parent-Span-ID, as services had them before there was a standard.
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  isSpanContextValid,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { isUndecided, setRemoteParent } from "../context/remote-parent.ts";
import { addSender } from "../context/sender.ts";
import { headerOf, hexId } from "./carrier.ts";

const TRACE_ID = "x-trace-id";
const SPAN_ID = "x-span-id";
const PARENT_SPAN_ID = "x-parent-span-id";
const SAMPLED = "x-sampled";
const UUID = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i;

/** The sender's ids, where they are not the parent: `redtrail.sender.trace_id`. */
const SENDER_TRACE_ID = "redtrail.sender.trace_id";
const SENDER_PARENT_SPAN_ID = "redtrail.sender.parent_span_id";

/** Runs after the propagators of standards: a trace that one of those has found stays, and this one becomes a link. */
export class LegacyIdsPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpan(context);
    const ids = span?.spanContext();
    if (ids === undefined || isTracingSuppressed(context) || !isSpanContextValid(ids)) return;
    setter.set(carrier, TRACE_ID, ids.traceId);
    setter.set(carrier, SPAN_ID, ids.spanId);
    const parent = (span as Partial<ReadableSpan>).parentSpanContext;
    if (parent !== undefined) setter.set(carrier, PARENT_SPAN_ID, parent.spanId);
    if (!isUndecided(context, ids)) setter.set(carrier, SAMPLED, String(ids.traceFlags & TraceFlags.SAMPLED));
  }

  /** Ids of 16 or 32 hex digits or a UUID, in any case. A trace id without a span id cannot be a parent: it is an attribute. */
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const traceId = legacyTraceId(headerOf(carrier, getter, TRACE_ID));
    if (traceId === undefined) return context;
    const spanId = legacySpanId(headerOf(carrier, getter, SPAN_ID));
    const standard = trace.getSpanContext(context);
    if (standard?.traceId === traceId) return context;
    if (spanId === undefined) return addSender(context, { attributes: { [SENDER_TRACE_ID]: traceId } });

    const sampled = headerOf(carrier, getter, SAMPLED);
    const isSampled = sampled === "1" || sampled === "true";
    const parent = { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
    if (standard !== undefined) {
      return addSender(context, {
        attributes: { [SENDER_TRACE_ID]: traceId },
        links: [{ context: { ...parent, isRemote: true } }],
      });
    }
    const isDecided = isSampled || sampled === "0" || sampled === "false";
    const continued = setRemoteParent(context, parent, { decision: isDecided ? undefined : "deferred" });
    const grandparent = legacySpanId(headerOf(carrier, getter, PARENT_SPAN_ID));
    return grandparent === undefined
      ? continued
      : addSender(continued, { attributes: { [SENDER_PARENT_SPAN_ID]: grandparent } });
  }

  fields(): string[] {
    return [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED];
  }
}

function legacyTraceId(text: string | undefined): string | undefined {
  const digits = digitsOf(text);
  return digits?.length === 16 ? hexId(digits, 32, 16) : hexId(digits, 32);
}

/** Of 32 digits, what a span id has room for: the last 16, as everybody shortens trace ids. */
function legacySpanId(text: string | undefined): string | undefined {
  const digits = digitsOf(text);
  return hexId(digits?.length === 32 ? digits.slice(16) : digits, 16);
}

function digitsOf(text: string | undefined): string | undefined {
  return text?.replace(UUID, "$1$2$3$4$5");
}
