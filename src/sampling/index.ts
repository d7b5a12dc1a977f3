// The sampler that OTEL_TRACES_SAMPLER names, wrapped so that metrics stay exact whatever it decides.
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { Config, SamplerName } from "../config/config.ts";
import { RecordForMetricsSampler } from "./record-for-metrics.ts";
import { RemoteDecisionSampler } from "./remote-decision.ts";

const SAMPLERS: Record<SamplerName, (ratio: number) => Sampler> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => parentBased(new AlwaysOnSampler()),
  parentbased_always_off: () => parentBased(new AlwaysOffSampler()),
  parentbased_traceidratio: (ratio) => parentBased(new TraceIdRatioBasedSampler(ratio)),
};

function parentBased(root: Sampler): Sampler {
  return new RemoteDecisionSampler(root, new ParentBasedSampler({ root }));
}

/** `feedsMetrics`: whether anything counts the spans. */
export function createSampler(config: Pick<Config, "sampler" | "samplerRatio">, feedsMetrics: boolean): Sampler {
  const sampler = SAMPLERS[config.sampler](config.samplerRatio);
  return feedsMetrics ? new RecordForMetricsSampler(sampler) : sampler;
}
