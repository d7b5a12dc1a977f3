// At most so many traces in a second: a token bucket, of one second's traces.
import { SamplingDecision } from "@opentelemetry/api";
import type { Sampler, SamplingResult } from "@opentelemetry/sdk-trace";

export interface RateLimit {
  /** Whether one more trace is within the limit, which then counts. */
  take(): boolean;
  /** One that was taken is not sent after all. */
  giveBack(): void;
}

export class RateLimitSampler implements Sampler, RateLimit {
  readonly #delegate: Sampler;
  readonly #perSecond: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /** @param now in milliseconds */
  constructor(delegate: Sampler, perSecond: number, now: () => number = () => performance.now()) {
    this.#delegate = delegate;
    this.#perSecond = perSecond;
    this.#now = now;
    this.#tokens = perSecond;
    this.#filledAt = now();
  }

  shouldSample(...args: Parameters<Sampler["shouldSample"]>): SamplingResult {
    const result = this.#delegate.shouldSample(...args);
    if (result.decision !== SamplingDecision.RECORD_AND_SAMPLED || this.take()) return result;
    return { ...result, decision: SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `RateLimit{${this.#perSecond}/s,${this.#delegate.toString()}}`;
  }

  take(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + 1);
  }
}
