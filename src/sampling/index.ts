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

export interface SamplingUse {
  /** Whether anything counts the spans. */
  readonly feedsMetrics: boolean;
  /** Whether anything sends them. */
  readonly exportsSpans: boolean;
  /** @default none */
  readonly makeOther?: MakeOther;
}

export function createSampling(
  { sampler: name, samplerRatio, sampling }: SamplingConfig,
  { feedsMetrics, exportsSpans, makeOther = () => undefined }: SamplingUse,
): Sampling {
  const row = rowOf(name, makeOther);
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
