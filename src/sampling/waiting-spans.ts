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
  /**
   * Of the traces with spans that wait, as many as there are spans at most. A list of our own: the first of a Set that is emptied from its
   * beginning is found in 7 us, by way of all that were deleted.
   */
  #oldest: LocalTrace | undefined;
  #newest: LocalTrace | undefined;
  readonly leftOut: Record<LeftOutReason, number> = { trace_limit: 0, limit: 0, age: 0 };
  readonly #now: () => number;
  #count = 0;

  /** @param now in milliseconds */
  constructor(limits: WaitingLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Spans that wait. */
  get count(): number {
    return this.#count;
  }

  /** Returns why the span, or others in its place, were left out. */
  add(trace: LocalTrace, span: ReadableSpan): LeftOutReason | undefined {
    if (trace.givenUpFor !== undefined) return this.#leaveOut(trace, 1, trace.givenUpFor);
    if (trace.waiting.length >= this.#limits.maxSpansPerTrace) return this.#leaveOut(trace, 1, "trace_limit");
    if (trace.waiting.length === 0) {
      trace.waitingSince = this.#now();
      this.#link(trace);
    }
    trace.waiting.push(span);
    this.#count++;
    return this.#count > this.#limits.maxSpans ? this.#giveUp(this.#oldest as LocalTrace, "limit") : undefined;
  }

  /** The spans of a trace that is decided. */
  take(trace: LocalTrace): readonly ReadableSpan[] {
    const { waiting } = trace;
    if (waiting.length === 0) return waiting;
    this.#unlink(trace);
    this.#count -= waiting.length;
    trace.waiting = [];
    return waiting;
  }

  /** Returns whether any were. */
  giveUpOld(): boolean {
    const now = this.#now();
    let hasGivenUp = false;
    while (this.#oldest !== undefined && now - this.#oldest.waitingSince >= this.#limits.maxAgeMs) {
      this.#giveUp(this.#oldest, "age");
      hasGivenUp = true;
    }
    return hasGivenUp;
  }

  #link(trace: LocalTrace): void {
    trace.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = trace;
    else this.#newest.newer = trace;
    this.#newest = trace;
  }

  #unlink(trace: LocalTrace): void {
    const { older, newer } = trace;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    trace.older = undefined;
    trace.newer = undefined;
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
