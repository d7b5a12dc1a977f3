// The headers that say of which trace something is: what is passed on has those of another trace, which give way.
import { propagation } from "@opentelemetry/api";

/**
 * Of our own propagators. Not those that others name as theirs: an app may set them itself, and a plug-in's propagator may well write
 * none. Baggage and the request id are no trace.
 */
const KNOWN: ReadonlySet<string> = new Set([
  ...["traceparent", "tracestate", "b3", "x-amzn-trace-id", "uber-trace-id"],
  ...["x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"],
  ...["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"],
  ...["x-trace-id", "x-span-id", "x-parent-span-id", "x-sampled"],
  ...["x-peer-service", "x-peer-host", "x-peer-port"],
]);

/** In lower case: of the propagators that are on, none before there are any. */
export function traceFields(): string[] {
  return propagation.fields().filter((field) => KNOWN.has(field));
}

/** The same, asked for until there are any: a NodeSDK of the app's own registers its propagator later. */
export function createTraceFields(): () => readonly string[] {
  let fields: readonly string[] = [];
  return () => (fields.length > 0 ? fields : (fields = traceFields()));
}
