// The sampler that OTEL_TRACES_SAMPLER names, with rules and limit, wrapped so that metrics stay exact whatever it decides.
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { Config, SamplerName } from "../config/config.ts";
import { RateLimitSampler } from "./rate-limit.ts";
import { RecordForMetricsSampler } from "./record-for-metrics.ts";
import { RemoteDecisionSampler } from "./remote-decision.ts";
import { RuleSampler } from "./rules.ts";

interface Row {
  /** Decides for a trace that begins here, or for each span where no parent counts. */
  readonly root: (ratio: number) => Sampler;
  readonly parentBased: boolean;
}

const SAMPLERS: Record<SamplerName, Row> = {
  always_on: { root: () => new AlwaysOnSampler(), parentBased: false },
  always_off: { root: () => new AlwaysOffSampler(), parentBased: false },
  traceidratio: { root: (ratio) => new TraceIdRatioBasedSampler(ratio), parentBased: false },
  parentbased_always_on: { root: () => new AlwaysOnSampler(), parentBased: true },
  parentbased_always_off: { root: () => new AlwaysOffSampler(), parentBased: true },
  parentbased_traceidratio: { root: (ratio) => new TraceIdRatioBasedSampler(ratio), parentBased: true },
};

export type SamplerConfig = Pick<Config, "sampler" | "samplerRatio" | "sampling">;

/** Makes one that redtrail does not have: of a plug-in. */
type MakeOther = (name: string) => Sampler | undefined;

/** Rules and the limit are for whole traces, and so for samplers that a span's parent counts for. */
export function isParentBased(name: string): boolean {
  return isOurs(name) ? SAMPLERS[name].parentBased : name.startsWith(PARENT_BASED);
}

const PARENT_BASED = "parentbased_";

function isOurs(name: string): name is SamplerName {
  return Object.hasOwn(SAMPLERS, name);
}

function rowOf(name: string, makeOther: MakeOther): Row {
  if (isOurs(name)) return SAMPLERS[name];
  const parentBased = isParentBased(name);
  const other = makeOther(parentBased ? name.slice(PARENT_BASED.length) : name);
  // The plug-in's could not be made, which has been said.
  return other === undefined ? SAMPLERS.parentbased_always_on : { root: () => other, parentBased };
}

/** `feedsMetrics`: whether anything counts the spans. */
export function createSampler(
  { sampler: name, samplerRatio, sampling }: SamplerConfig,
  feedsMetrics: boolean,
  makeOther: MakeOther = () => undefined,
): Sampler {
  const row = rowOf(name, makeOther);
  let sampler = row.root(samplerRatio);
  if (row.parentBased) {
    if (sampling.rules.length > 0) sampler = new RuleSampler(sampling.rules, sampler);
    if (sampling.perSecond !== undefined) sampler = new RateLimitSampler(sampler, sampling.perSecond);
    sampler = new RemoteDecisionSampler(sampler, new ParentBasedSampler({ root: sampler }));
  }
  return feedsMetrics ? new RecordForMetricsSampler(sampler) : sampler;
}
