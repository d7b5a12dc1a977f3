// Honours what a caller has said of sampling beyond the flag: "you decide", and a decision without a trace (B3, X-Ray).
import { type Context, SamplingDecision, isSpanContextValid, trace } from "@opentelemetry/api";
import type { Sampler, SamplingResult } from "@opentelemetry/sdk-trace";
import { remoteTraits } from "../context/remote-parent.ts";

/** `root` decides for a caller who has left it to us, `delegate` in all other cases. */
export class RemoteDecisionSampler implements Sampler {
  readonly #root: Sampler;
  readonly #delegate: Sampler;

  constructor(root: Sampler, delegate: Sampler) {
    this.#root = root;
    this.#delegate = delegate;
  }

  shouldSample(...args: Parameters<Sampler["shouldSample"]>): SamplingResult {
    const decision = remoteTraits(args[0])?.decision;
    if (decision === undefined) return this.#delegate.shouldSample(...args);
    const parent = parentOf(args[0]);
    if (decision === "deferred") {
      return (parent?.isRemote === true ? this.#root : this.#delegate).shouldSample(...args);
    }
    if (parent !== undefined) return this.#delegate.shouldSample(...args);
    const isAccepted = decision === "accepted";
    return { decision: isAccepted ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `RemoteDecision{${this.#delegate.toString()}}`;
  }
}

function parentOf(context: Context): ReturnType<typeof trace.getSpanContext> {
  const parent = trace.getSpanContext(context);
  return parent !== undefined && isSpanContextValid(parent) ? parent : undefined;
}
