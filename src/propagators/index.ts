// The table of propagators by their name in OTEL_PROPAGATORS, and the composite of those that are on.
import type { TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator } from "@opentelemetry/core";
import type { Config, PropagatorName } from "../config/config.ts";
import { B3Propagator } from "./b3.ts";
import { BaggagePropagator } from "./baggage.ts";
import { JaegerPropagator } from "./jaeger.ts";
import { LegacyIdsPropagator } from "./legacy-ids.ts";
import { LimitedPropagator } from "./limited.ts";
import { OtTracePropagator } from "./ot-trace.ts";
import { watchOwnPeer } from "./own-peer.ts";
import { PeerPropagator } from "./peer.ts";
import { RequestIdPropagator } from "./request-id.ts";
import { TraceContextPropagator } from "./trace-context.ts";
import { XRayPropagator } from "./xray.ts";

type PropagatorConfig = Pick<Config, "propagators" | "requestId" | "traceStore">;

const PROPAGATORS: Record<
  PropagatorName,
  (config: PropagatorConfig, serviceName: string) => TextMapPropagator | undefined
> = {
  tracecontext: () => new TraceContextPropagator(),
  baggage: () => new BaggagePropagator(),
  b3: () => new B3Propagator("single"),
  b3multi: () => new B3Propagator("multi"),
  xray: () => new XRayPropagator(),
  jaeger: () => new JaegerPropagator(),
  ottrace: () => new OtTracePropagator(),
  legacy: () => new LegacyIdsPropagator(),
  peer: (_config, serviceName) => new PeerPropagator(watchOwnPeer(serviceName)),
  requestid: ({ requestId: { format, headers }, traceStore }) =>
    new RequestIdPropagator({ format, headers, marksOrigin: traceStore.address !== undefined }),
  none: () => undefined,
};

/** Makes one that redtrail does not have: of a plug-in. */
type MakeOther = (name: string) => TextMapPropagator | undefined;

/**
 * These come after all others, in this order: legacy ids give way to a standard's trace, and the request id in the format
 * `traceid` needs to know the trace.
 */
const LAST: readonly string[] = ["legacy", "requestid"];

/** In the configured order otherwise; of two headers that name a trace, the later propagator's wins. */
export function createPropagator(
  config: PropagatorConfig,
  serviceName: string,
  makeOther: MakeOther = () => undefined,
): TextMapPropagator {
  const names = config.propagators.toSorted((a, b) => LAST.indexOf(a) - LAST.indexOf(b));
  const propagators = names
    .map((name) => (isOurs(name) ? PROPAGATORS[name](config, serviceName) : makeOther(name)))
    .filter((propagator) => propagator !== undefined);
  return new LimitedPropagator(new CompositePropagator({ propagators }));
}

function isOurs(name: string): name is PropagatorName {
  return Object.hasOwn(PROPAGATORS, name);
}
