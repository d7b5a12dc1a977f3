// Records spans that are not sampled and may be sent all the same, of every kind.
import { type Attributes, type Context, type Link, SamplingDecision, type SpanKind } from "@opentelemetry/api";
import type { Sampler, SamplingResult } from "@opentelemetry/sdk-trace";
import type { Tail } from "./tail.ts";
import type { Verdict } from "./verdict.ts";

/** The outermost of the samplers. */
export class RecordForTailSampler implements Sampler {
  readonly #delegate: Sampler;
  readonly #tail: Pick<Tail, "mayKeep">;
  readonly #verdict: Verdict;

  constructor(delegate: Sampler, tail: Pick<Tail, "mayKeep">, verdict: Verdict) {
    this.#delegate = delegate;
    this.#tail = tail;
    this.#verdict = verdict;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    this.#verdict.drops = false;
    this.#verdict.routeRules = undefined;
    const result = this.#delegate.shouldSample(context, traceId, name, kind, attributes, links);
    if (result.decision !== SamplingDecision.NOT_RECORD || !this.#tail.mayKeep(context)) return result;
    return { ...result, decision: SamplingDecision.RECORD };
  }

  toString(): string {
    return `RecordForTail{${this.#delegate.toString()}}`;
  }
}
