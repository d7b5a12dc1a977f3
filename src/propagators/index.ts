// The table of propagators by their name in OTEL_PROPAGATORS, and the composite of those that are on.
import type { TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { B3InjectEncoding, B3Propagator } from "@opentelemetry/propagator-b3";
import type { Config, PropagatorName } from "../config/config.ts";
import { RequestIdPropagator } from "./request-id.ts";

const PROPAGATORS: Record<PropagatorName, (config: PropagatorConfig) => TextMapPropagator | undefined> = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
  b3: () => new B3Propagator(),
  b3multi: () => new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  requestid: ({ requestId }) => new RequestIdPropagator({ format: requestId.format }),
  none: () => undefined,
};

type PropagatorConfig = Pick<Config, "propagators" | "requestId">;

/** In the configured order, but the request id last: in the format `traceid` it needs to know the trace. */
export function createPropagator(config: PropagatorConfig): TextMapPropagator {
  const names = config.propagators.toSorted((a, b) => Number(a === "requestid") - Number(b === "requestid"));
  const propagators = names.map((name) => PROPAGATORS[name](config)).filter((propagator) => propagator !== undefined);
  return new CompositePropagator({ propagators });
}
