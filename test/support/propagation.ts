// Puts headers through a propagator.
import { ROOT_CONTEXT, type TextMapPropagator, defaultTextMapGetter, defaultTextMapSetter } from "@opentelemetry/api";

/** Read, and written again without a span in between. */
export function passedThrough(propagator: TextMapPropagator, headers: Record<string, unknown>): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagator.inject(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter), carrier, defaultTextMapSetter);
  return carrier;
}
