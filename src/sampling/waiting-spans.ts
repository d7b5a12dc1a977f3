// Spans that have ended and wait for the end of their request: bounded in all, for each trace, and in time.
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { LeftOutReason, LocalTrace } from "./local-trace.ts";

export interface WaitingLimits {
  /** Of all traces; beyond it the trace that has waited longest is given up. */
  readonly maxSpans: number;
  /** Of one trace; beyond it further ones are left out. */
  readonly maxSpansPerTrace: number;
  /** A trace whose first span has waited for as long is given up. */
  readonly maxAgeMs: number;
}

export class WaitingSpans {
  readonly #limits: WaitingLimits;
  /** Those with spans that wait, the longest waiting first: as many as there are spans at most. */
  readonly #traces: Set<LocalTrace> = new Set();
  readonly leftOut: Record<LeftOutReason, number> = { trace_limit: 0, limit: 0, age: 0 };
  #count = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  /** Spans that wait. */
  get count(): number {
    return this.#count;
  }

  /** Returns why the span, or others in its place, were left out. */
  add(trace: LocalTrace, span: ReadableSpan, nowMs: number): LeftOutReason | undefined {
    if (trace.givenUpFor !== undefined) return this.#leaveOut(trace, 1, trace.givenUpFor);
    if (trace.waiting.length >= this.#limits.maxSpansPerTrace) return this.#leaveOut(trace, 1, "trace_limit");
    if (trace.waiting.length === 0) {
      trace.waitingSince = nowMs;
      this.#traces.add(trace);
    }
    trace.waiting.push(span);
    this.#count++;
    return this.#count > this.#limits.maxSpans ? this.#giveUp(this.#longestWaiting(), "limit") : undefined;
  }

  /** The spans of a trace that is decided. */
  take(trace: LocalTrace): readonly ReadableSpan[] {
    const { waiting } = trace;
    if (waiting.length === 0) return waiting;
    this.#traces.delete(trace);
    this.#count -= waiting.length;
    trace.waiting = [];
    return waiting;
  }

  /** Returns whether any were. */
  giveUpOld(nowMs: number): boolean {
    let hasGivenUp = false;
    for (const trace of this.#traces) {
      if (nowMs - trace.waitingSince < this.#limits.maxAgeMs) break;
      this.#giveUp(trace, "age");
      hasGivenUp = true;
    }
    return hasGivenUp;
  }

  #longestWaiting(): LocalTrace {
    return this.#traces.values().next().value as LocalTrace;
  }

  #giveUp(trace: LocalTrace, reason: LeftOutReason): LeftOutReason {
    trace.givenUpFor = reason;
    return this.#leaveOut(trace, this.take(trace).length, reason);
  }

  #leaveOut(trace: LocalTrace, count: number, reason: LeftOutReason): LeftOutReason {
    trace.leftOut += count;
    this.leftOut[reason] += count;
    return reason;
  }
}
