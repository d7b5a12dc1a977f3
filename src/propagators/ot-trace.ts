// The headers of OpenTracing's basic tracers: https://github.com/opentracing/basictracer-python
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
import { setRemoteParent } from "../context/remote-parent.ts";
import { headerOf, hexId } from "./carrier.ts";
import { PrefixedBaggage } from "./prefixed-baggage.ts";

const TRACE_ID = "ot-tracer-traceid";
const SPAN_ID = "ot-tracer-spanid";
const SAMPLED = "ot-tracer-sampled";

export class OtTracePropagator implements TextMapPropagator {
  readonly #baggage = new PrefixedBaggage("ot-baggage-");

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const parent = trace.getSpanContext(context);
    if (parent === undefined || isTracingSuppressed(context) || !isSpanContextValid(parent)) return;
    // Its readers know ids of 64 bits.
    setter.set(carrier, TRACE_ID, parent.traceId.slice(16));
    setter.set(carrier, SPAN_ID, parent.spanId);
    setter.set(carrier, SAMPLED, String((parent.traceFlags & TraceFlags.SAMPLED) !== 0));
    this.#baggage.inject(context, carrier, setter);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const traceId = hexId(headerOf(carrier, getter, TRACE_ID), 32, 1);
    const spanId = hexId(headerOf(carrier, getter, SPAN_ID), 16, 1);
    if (traceId === undefined || spanId === undefined) return context;
    const sampled = headerOf(carrier, getter, SAMPLED)?.toLowerCase();
    const isSampled = sampled === "true" || sampled === "1";
    const isDecided = isSampled || sampled === "false" || sampled === "0";
    const parent = { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
    const continued = setRemoteParent(context, parent, { decision: isDecided ? undefined : "deferred" });
    return this.#baggage.extract(continued, carrier, getter);
  }

  fields(): string[] {
    return [TRACE_ID, SPAN_ID, SAMPLED];
  }
}
