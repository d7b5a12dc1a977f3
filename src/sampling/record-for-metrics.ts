// Lets every request be counted at any sampling rate: a span that is not sampled is still recorded when its kind feeds metrics.
// https://opentelemetry.io/docs/specs/otel/trace/sdk/#recording-sampled-reaction-table
import { type Attributes, type Context, type Link, SamplingDecision, SpanKind } from "@opentelemetry/api";
import type { Sampler, SamplingResult } from "@opentelemetry/sdk-trace";

/** Recorded but not sampled spans reach the span processors, carry flag 00 to the next service, and are not exported. */
export class RecordForMetricsSampler implements Sampler {
  readonly #delegate: Sampler;

  constructor(delegate: Sampler) {
    this.#delegate = delegate;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const result = this.#delegate.shouldSample(context, traceId, name, kind, attributes, links);
    if (result.decision !== SamplingDecision.NOT_RECORD || kind === SpanKind.INTERNAL) return result;
    return { ...result, decision: SamplingDecision.RECORD };
  }

  toString(): string {
    return `RecordForMetrics{${this.#delegate.toString()}}`;
  }
}
