// The part of a trace that is made by one request of this process: its local root, and what hangs below it.
import { type SpanContext, TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { RouteRule } from "./verdict.ts";

/** Why a trace that was not sampled is sent all the same: a span of it failed, it took long, a rule with its route says so. */
export type KeptReason = "error" | "slow" | "route";

/** Why spans did not wait: their trace had too many, all together were too many, their request went on for too long. */
export type LeftOutReason = "trace_limit" | "limit" | "age";

/**
 * A trace whose spans may have another fate than their SAMPLED flag says. Spans hold on to it, it is in no table: what becomes of
 * late spans is known for as long as there can be any, and takes no memory after.
 */
export interface LocalTrace {
  /** Without a parent, or with one in another process; undefined once it has ended. */
  root: ReadableSpan | undefined;
  /** undefined while nothing is decided. */
  isKept: boolean | undefined;
  reason: KeptReason | undefined;
  hasError: boolean;
  /** Rules that decide when the root ends, in place of the sampler. */
  readonly routeRules: readonly RouteRule[] | undefined;
  /** Whether it is not even kept for its failure, when none of these rules decides. */
  readonly drops: boolean;
  /** Begun below the root, and not ended: they may have failed all the same. */
  open: ReadableSpan[];
  /** Ended, and waiting for the decision. */
  waiting: ReadableSpan[];
  /** When the first of them began to wait, in milliseconds of `performance.now()`. */
  waitingSince: number;
  /** Its neighbours among the traces with spans that wait. */
  older: LocalTrace | undefined;
  newer: LocalTrace | undefined;
  /** Why its waiting spans were dropped, and no more will wait. */
  givenUpFor: LeftOutReason | undefined;
  /** Spans that were dropped for want of room or time. */
  leftOut: number;
}

export function beginLocalTrace(
  root: ReadableSpan,
  { routeRules, drops }: Pick<LocalTrace, "routeRules" | "drops">,
): LocalTrace {
  return {
    root,
    isKept: undefined,
    reason: undefined,
    hasError: false,
    routeRules,
    drops,
    open: [],
    waiting: [],
    waitingSince: 0,
    older: undefined,
    newer: undefined,
    givenUpFor: undefined,
    leftOut: 0,
  };
}

/** On the span itself: cheaper than a WeakMap, and a span that is forgotten takes its trace along. */
const TRACE: unique symbol = Symbol("redtrail.local-trace");

interface Followed {
  [TRACE]?: LocalTrace;
}

export function localTraceOf(span: object | undefined): LocalTrace | undefined {
  const followed: Followed | undefined = span;
  return followed?.[TRACE];
}

export function setLocalTrace(span: object, trace: LocalTrace): void {
  const followed: Followed = span;
  followed[TRACE] = trace;
}

/** Whether a span with this parent is the local root of its trace. */
export function isLocalRoot(parent: SpanContext | undefined): boolean {
  return parent === undefined || parent.isRemote === true;
}

export function isSampled(span: Pick<ReadableSpan, "spanContext">): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** Whether the trace of an ended span can be looked up: it is sent, or, while that is open, as its flag says. */
export function isSent(span: ReadableSpan): boolean {
  return localTraceOf(span)?.isKept ?? isSampled(span);
}
