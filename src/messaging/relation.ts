// How a span that takes a message belongs to the trace of the message's sender.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/#consumer-spans
import { type Context, type Link, type SpanContext, isSpanContextValid, trace } from "@opentelemetry/api";
import type { MessagingConfig } from "../config/config.ts";
import { withoutParent } from "../context/remote-parent.ts";
import { extractHeaders, waitedMs } from "./headers.ts";
import type { Message } from "./message.ts";

export interface Relation {
  /** What the span is started in: with the sender as its parent, or without one; the request id is the sender's in any case. */
  readonly parent: Context;
  readonly links: readonly Link[];
  /** Milliseconds. */
  readonly waited: number | undefined;
}

export function relationOf(
  { mode, modes, linkAfterMs }: MessagingConfig,
  { system, headers, batchSize = 1, sentAtMs, links = [] }: Message,
): Relation {
  const waited = waitedMs(headers, sentAtMs);
  const chosen = modes[system] ?? mode;
  const isOld = waited !== undefined && waited > linkAfterMs;
  const relation = chosen === "auto" ? (batchSize > 1 || isOld ? "link" : "parent") : chosen;

  const remote = extractHeaders(headers);
  const sender = trace.getSpanContext(remote);
  return {
    parent: relation === "link" ? withoutParent(remote) : remote,
    links: relation === "parent" || sender === undefined ? links : [{ context: sender }, ...links],
    waited,
  };
}

/** A link to what the context is in; none outside of a span. */
export function linkTo(context: Context): Link[] {
  const spanContext = trace.getSpanContext(context);
  return isLinkable(spanContext) ? [{ context: spanContext }] : [];
}

export function isLinkable(spanContext: SpanContext | undefined): spanContext is SpanContext {
  return spanContext !== undefined && isSpanContextValid(spanContext);
}
