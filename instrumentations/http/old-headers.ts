// Trace headers that an app has only passed on: all of them give way to those of the call, also where the call has none of that name.
import { propagation } from "@opentelemetry/api";

/** What an app may well write itself, and what says nothing of a trace. */
const KEPT: ReadonlySet<string> = new Set(["baggage"]);

/**
 * The headers, in lower case, that say of a trace which it is: another trace's tracestate beside the call's own traceparent would be
 * taken for the call's.
 */
export function createTraceFields(requestIdHeader: string): () => readonly string[] {
  let fields: readonly string[] = [];
  return () => {
    // A NodeSDK of the app's own registers its propagator later.
    if (fields.length === 0) {
      fields = propagation
        .fields()
        .map((field) => field.toLowerCase())
        .filter((field) => field !== requestIdHeader && !KEPT.has(field));
    }
    return fields;
  };
}
