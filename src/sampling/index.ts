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

const SAMPLERS: Record<SamplerName, (ratio: number) => Sampler> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
};

/** `feedsMetrics`: whether anything counts the spans. */
export function createSampler(config: Pick<Config, "sampler" | "samplerRatio">, feedsMetrics: boolean): Sampler {
  const sampler = SAMPLERS[config.sampler](config.samplerRatio);
  return feedsMetrics ? new RecordForMetricsSampler(sampler) : sampler;
}
