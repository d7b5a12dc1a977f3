// The traces that services share: where they are, and what a request does with one that is found.
import { type Context, type Span, TraceFlags, trace } from "@opentelemetry/api";
import type { TraceStoreMode } from "../config/config.ts";
import { remoteTraits, setRemoteParent } from "../context/remote-parent.ts";
import { getRequestId, requestIdOrigin, setRequestIdOrigin } from "../context/request-id.ts";
import { addSender } from "../context/sender.ts";
import { log } from "../diagnostics/log.ts";
import { peerServiceAttributes } from "../propagators/peer.ts";
import type { StoredTrace } from "./record.ts";
import type { TraceStore } from "./store.ts";

export interface SharedTraces {
  readonly store: TraceStore;
  readonly mode: TraceStoreMode;
  readonly budgetMs: number;
  /** Traces that were continued, and linked to. */
  readonly found: { parent: number; link: number };
}

/** The id by which a trace is to be looked for: one that was given, by a caller who gave no trace. Undefined where nothing is looked for. */
export function wantedId({ mode }: SharedTraces, context: Context): string | undefined {
  if (mode === "write" || requestIdOrigin(context) !== "given") return undefined;
  if (trace.getSpanContext(context) !== undefined || remoteTraits(context) !== undefined) return undefined;
  return getRequestId(context);
}

/** The context in which a span is a child of the one that was found. */
export function continueFound({ found }: SharedTraces, context: Context, stored: StoredTrace): Context {
  found.parent++;
  const continued = setRemoteParent(setRequestIdOrigin(context, "found"), spanContextOf(stored), {
    random: stored.isRandom,
  });
  return addSender(continued, { attributes: peerServiceAttributes(stored.service) });
}

/** Of a span that has begun. One that has ended can say no more. */
export function linkFound({ found }: SharedTraces, span: Span, stored: StoredTrace): void {
  try {
    if (!span.isRecording() || span.spanContext().spanId === stored.spanId) return;
    span.addLink({ context: { ...spanContextOf(stored), isRemote: true } });
    span.setAttributes(peerServiceAttributes(stored.service));
    found.link++;
  } catch (error) {
    // Nobody is there to catch it.
    log.warnSometimes("link to a shared trace", `a span could not be linked to a shared trace (${String(error)})`);
  }
}

/** What a question comes to that was not answered in time. */
export interface Question {
  /** Takes an answer that comes too late. */
  onLate: ((stored: StoredTrace) => void) | undefined;
  /** Waits no longer. */
  giveUp(): void;
}

/** Asks, and calls `answer` once: when there is an answer, or when the budget is spent. Never in the same turn, and never in a promise. */
export function ask(
  { store, budgetMs }: SharedTraces,
  requestId: string,
  answer: (stored: StoredTrace | undefined) => void,
): Question {
  let isWaiting = true;
  const question: Question = { onLate: undefined, giveUp: () => finish(undefined) };
  // It keeps the process alive: a job that waits here may be all that the process has to do.
  const timer = setTimeout(finish, budgetMs);

  function finish(stored?: StoredTrace): void {
    if (!isWaiting) {
      if (stored !== undefined) question.onLate?.(stored);
      return;
    }
    isWaiting = false;
    clearTimeout(timer);
    answer(stored);
  }

  // What an answer throws is to be an uncaught exception of the app's, and not a rejection of ours.
  void store.get(requestId).then((stored) => process.nextTick(finish, stored));
  return question;
}

/** Asks, and links when there is an answer; nobody waits. */
export function linkWhenFound(shared: SharedTraces, requestId: string, span: () => Span | undefined): void {
  void shared.store.get(requestId).then((stored) => {
    const asking = stored === undefined ? undefined : span();
    if (stored !== undefined && asking !== undefined) linkFound(shared, asking, stored);
  });
}

function spanContextOf({ traceId, spanId, isSampled }: StoredTrace): {
  traceId: string;
  spanId: string;
  traceFlags: TraceFlags;
} {
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}
