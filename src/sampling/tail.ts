// Decisions that wait for the end of a request: whether it failed, how long it took, which route it had.
//
// Only traces that such a decision may change are followed: those that are not sampled, when failed or slow ones are kept, and those
// that a rule with a route may be for.
import { type Context, isSpanContextValid, trace as traceApi } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import { ATTR } from "../semconv.ts";
import { asSampled } from "./as-sampled.ts";
import { type KeepErrors, isError, isSlow } from "./keep.ts";
import {
  type KeptReason,
  type LeftOutReason,
  type LocalTrace,
  beginLocalTrace,
  isLocalRoot,
  isSampled,
  localTraceOf,
  setLocalTrace,
} from "./local-trace.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { RouteRule, Verdict } from "./verdict.ts";
import { type WaitingLimits, WaitingSpans } from "./waiting-spans.ts";

/** As many as can be written for Zipkin in about a millisecond: a kept trace is handed over in one go. */
const MAX_SPANS_PER_TRACE = 500;
/** Open spans of a trace that are looked at when its root ends; whether further ones have failed by then is not seen. */
const MAX_OPEN = 100;
/** A request of this age has other troubles than its trace; what it has made so far gives its place up. */
const MAX_AGE_MS = 5 * 60_000;

export interface TailOptions {
  readonly errors: KeepErrors;
  /** Milliseconds above which a request is slow; undefined when that keeps none. */
  readonly slowMs: number | undefined;
  /** Spans that may wait, of all traces. */
  readonly maxSpans: number;
  /** Whether the sampler decides for each span alone, so that a sampled root may have spans that are not. */
  readonly decidesEachSpan: boolean;
  /** Where the sampler has left what rules say of the span that starts. */
  readonly verdict: Verdict;
  /** Of the traces that rules keep. */
  readonly rateLimit: RateLimit | undefined;
  /** @default those above */
  readonly limits?: Partial<WaitingLimits>;
  /** In milliseconds. @default performance.now */
  readonly now?: () => number;
}

const SAY: Record<LeftOutReason, string> = {
  trace_limit: `a request has made more than ${MAX_SPANS_PER_TRACE} spans before it is known whether they are kept; further ones are left out`,
  limit: "more spans wait for the end of their requests than REDTRAIL_SAMPLING_BUFFER_SPANS; the oldest are left out",
  age: `a request has gone on for more than ${MAX_AGE_MS / 60_000} minutes; its spans do not wait for its end any more`,
};

export class Tail {
  readonly #options: TailOptions;
  readonly #waiting: WaitingSpans;
  readonly #watchesOpen: boolean;
  /** Traces by reason. */
  readonly kept: Record<KeptReason, number> = { error: 0, slow: 0, route: 0 };

  constructor(options: TailOptions) {
    const { maxSpans, limits, now = () => performance.now() } = options;
    this.#options = options;
    const all = { maxSpans, maxSpansPerTrace: MAX_SPANS_PER_TRACE, maxAgeMs: MAX_AGE_MS, ...limits };
    this.#waiting = new WaitingSpans(all, now);
    this.#watchesOpen = options.errors === "any";
  }

  get waitingSpans(): number {
    return this.#waiting.count;
  }

  /** Spans by reason. */
  get leftOut(): Readonly<Record<LeftOutReason, number>> {
    return this.#waiting.leftOut;
  }

  /** Whether a span that is not sampled has to be recorded, because it may be kept. Asked after its sampler. */
  mayKeep(context: Context): boolean {
    const parent = traceApi.getSpan(context);
    const trace = localTraceOf(parent);
    if (trace !== undefined) return trace.isKept !== false;
    const parentContext = parent?.spanContext();
    const isRoot = parentContext === undefined || !isSpanContextValid(parentContext) || isLocalRoot(parentContext);
    return isRoot && this.#mayKeepRoot();
  }

  #mayKeepRoot(): boolean {
    const { errors, slowMs, verdict } = this.#options;
    if (verdict.routeRules !== undefined) return true;
    return !verdict.drops && (errors !== "none" || slowMs !== undefined);
  }

  start(span: ReadableSpan, parentContext: Context): void {
    const { decidesEachSpan, verdict } = this.#options;
    const trace = localTraceOf(traceApi.getSpan(parentContext));
    if (trace !== undefined) {
      setLocalTrace(span, trace);
      if (this.#watchesOpen && trace.isKept === undefined && trace.open.length < MAX_OPEN) trace.open.push(span);
      return;
    }
    // What hangs below a span that is not followed is sent, or not, as its flag says.
    if (!isLocalRoot(span.parentSpanContext) || !this.#mayKeepRoot()) return;
    if (verdict.routeRules === undefined && isSampled(span) && !decidesEachSpan) return;
    setLocalTrace(span, beginLocalTrace(span, verdict));
  }

  /** `send` gets what is to be sent, now or when its trace is decided: spans with the SAMPLED flag. */
  end(span: ReadableSpan, send: (span: ReadableSpan) => void): void {
    const trace = localTraceOf(span);
    if (trace === undefined) {
      send(span);
      return;
    }
    if (trace.isKept === undefined) this.#decide(trace, span, send);
    if (trace.root === span) endRoot(trace, span);
    if (trace.isKept === true) send(asSampled(span));
    else if (trace.routeRules === undefined && isSampled(span)) send(span);
    else if (trace.isKept === undefined) this.#wait(trace, span);
  }

  /** Gives up what has waited for too long; to be called from time to time. */
  sweep(): void {
    if (this.#waiting.giveUpOld()) log.warnSometimes("sampling-age", SAY.age);
  }

  #wait(trace: LocalTrace, span: ReadableSpan): void {
    const leftOut = this.#waiting.add(trace, span);
    if (leftOut !== undefined) log.warnSometimes(`sampling-${leftOut}`, SAY[leftOut]);
  }

  /** A failure decides at once, unless a rule may drop it; all else has to wait for the end of the root. */
  #decide(trace: LocalTrace, span: ReadableSpan, send: (span: ReadableSpan) => void): void {
    const { errors } = this.#options;
    const root = trace.root === span ? span : undefined;
    if ((errors === "any" || (errors === "root" && root !== undefined)) && isError(span)) trace.hasError = true;
    if (root === undefined) {
      forget(trace.open, span);
      if (!trace.hasError || trace.routeRules !== undefined) return;
    } else if (trace.open.some(isError)) trace.hasError = true;
    trace.open = [];
    const isKept = this.#isKept(trace, root);
    trace.isKept = isKept;
    if (trace.reason !== undefined) this.kept[trace.reason]++;
    const waiting = this.#waiting.take(trace);
    if (isKept) for (const one of waiting) send(asSampled(one));
  }

  #isKept(trace: LocalTrace, root: ReadableSpan | undefined): boolean {
    if (root !== undefined && trace.routeRules !== undefined) {
      const rule = ruleFor(root, trace.routeRules);
      const wasSampled = isSampled(root);
      if (rule === undefined ? wasSampled : this.#samples(rule, root.spanContext().traceId, wasSampled)) {
        trace.reason = wasSampled ? undefined : "route";
        return true;
      }
      if (rule?.drops ?? trace.drops) return false;
    }
    const { slowMs } = this.#options;
    if (trace.hasError) trace.reason = "error";
    else if (slowMs !== undefined && root !== undefined && isSlow(root, slowMs)) trace.reason = "slow";
    return trace.reason !== undefined;
  }

  /** What the sampler has taken of the limit is corrected by what the rule says. */
  #samples(rule: RouteRule, traceId: string, wasSampled: boolean): boolean {
    const { rateLimit } = this.#options;
    const samples = rule.samples(traceId);
    if (rateLimit === undefined || samples === wasSampled) return samples;
    if (samples) return rateLimit.take();
    rateLimit.giveBack();
    return false;
  }
}

/** Few are open at a time, and the newest ends first most of the time. */
function forget(open: ReadableSpan[], span: ReadableSpan): void {
  const index = open.lastIndexOf(span);
  if (index < 0) return;
  const last = open.pop() as ReadableSpan;
  if (last !== span) open[index] = last;
}

function ruleFor(root: ReadableSpan, rules: readonly RouteRule[]): RouteRule | undefined {
  const route = root.attributes[ATTR.route];
  return typeof route === "string" ? rules.find((rule) => rule.matches(route)) : undefined;
}

/** The root tells why it is here, and what is missing. Nobody can set attributes any more, but the object is the span's own. */
function endRoot(trace: LocalTrace, root: ReadableSpan): void {
  trace.root = undefined;
  if (trace.isKept !== true) return;
  if (trace.reason !== undefined) root.attributes[ATTR.samplingKept] = trace.reason;
  if (trace.leftOut > 0) root.attributes[ATTR.samplingLeftOut] = trace.leftOut;
}
