// W3C Trace Context, level 2: https://www.w3.org/TR/trace-context-2/
// Upstream's propagator is of level 1: it loses the flag `random`, and repairs a `tracestate` that has to be dropped.
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
import { isRandomTrace, setRemoteParent } from "../context/remote-parent.ts";
import { W3CTraceState } from "./trace-state.ts";

const TRACEPARENT = /^(?!ff)([\da-f]{2})-((?!0{32})[\da-f]{32})-((?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/;
const RANDOM = 0x02;

export class TraceContextPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const parent = trace.getSpanContext(context);
    if (parent === undefined || isTracingSuppressed(context) || !isSpanContextValid(parent)) return;
    const flags = (parent.traceFlags & TraceFlags.SAMPLED) | (isRandomTrace(context) ? RANDOM : 0);
    setter.set(carrier, "traceparent", `00-${parent.traceId}-${parent.spanId}-0${flags}`);
    const state = parent.traceState?.serialize();
    if (state !== undefined && state !== "") setter.set(carrier, "tracestate", state);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header: unknown = getter.get(carrier, "traceparent");
    const value: unknown = Array.isArray(header) && header.length === 1 ? header[0] : header;
    const match = typeof value === "string" ? TRACEPARENT.exec(value.trim()) : null;
    if (match === null) return context;
    const [, version, traceId = "", spanId = "", flagDigits = "", rest] = match;
    if (version === "00" && rest !== undefined) return context;
    const flags = Number.parseInt(flagDigits, 16);
    const traceState = stateOf(getter.get(carrier, "tracestate"));
    const parent = { traceId, spanId, traceFlags: flags & TraceFlags.SAMPLED };
    return setRemoteParent(context, traceState === undefined ? parent : { ...parent, traceState }, {
      random: (flags & RANDOM) !== 0,
    });
  }

  fields(): string[] {
    return ["traceparent", "tracestate"];
  }
}

/** A header that came more than once is one list. */
function stateOf(header: unknown): W3CTraceState | undefined {
  const value: unknown = Array.isArray(header) ? header.join(",") : header;
  return typeof value === "string" ? W3CTraceState.parse(value) : undefined;
}
