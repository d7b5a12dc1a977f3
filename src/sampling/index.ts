// The sampler that OTEL_TRACES_SAMPLER names, with rules and limit, wrapped so that metrics stay exact whatever it decides; and what
// is decided when a request ends.
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
import { RecordForTailSampler } from "./record-for-tail.ts";
import { RemoteDecisionSampler } from "./remote-decision.ts";
import { RuleSampler } from "./rules.ts";
import { Tail } from "./tail.ts";
import { createVerdict } from "./verdict.ts";

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

export type SamplingConfig = Pick<Config, "sampler" | "samplerRatio" | "sampling">;

export interface Sampling {
  readonly sampler: Sampler;
  /** Absent when nothing is decided at the end of a request. */
  readonly tail: Tail | undefined;
}

/** Rules and the limit are for whole traces, and so for samplers that a span's parent counts for. */
export function isParentBased(name: SamplerName): boolean {
  return SAMPLERS[name].parentBased;
}

/** `feedsMetrics`: whether anything counts the spans; `exportsSpans`: whether anything sends them. */
export function createSampling(
  config: SamplingConfig,
  { feedsMetrics, exportsSpans }: { readonly feedsMetrics: boolean; readonly exportsSpans: boolean },
): Sampling {
  const { sampler: name, samplerRatio, sampling } = config;
  const row = SAMPLERS[name];
  const verdict = createVerdict();
  let sampler = row.root(samplerRatio);
  let rateLimit: RateLimitSampler | undefined;
  if (row.parentBased) {
    if (sampling.rules.length > 0) sampler = new RuleSampler(sampling.rules, sampler, verdict);
    if (sampling.perSecond !== undefined) {
      rateLimit = new RateLimitSampler(sampler, sampling.perSecond);
      sampler = rateLimit;
    }
    sampler = new RemoteDecisionSampler(sampler, new ParentBasedSampler({ root: sampler }));
  }
  if (feedsMetrics) sampler = new RecordForMetricsSampler(sampler);
  if (!exportsSpans || !decidesAtTheEnd(sampling)) return { sampler, tail: undefined };
  const { keepErrors: errors, keepSlowMs: slowMs, maxWaitingSpans: maxSpans } = sampling;
  const tail = new Tail({ errors, slowMs, maxSpans, decidesEachSpan: !row.parentBased, verdict, rateLimit });
  return { sampler: new RecordForTailSampler(sampler, tail, verdict), tail };
}

function decidesAtTheEnd({ rules, keepErrors, keepSlowMs }: Config["sampling"]): boolean {
  return keepErrors !== "none" || keepSlowMs !== undefined || rules.some(({ route }) => route !== undefined);
}
