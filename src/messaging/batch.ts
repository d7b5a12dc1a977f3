// Spans of messages that are sent, or processed, by one call.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/#trace-structure
import {
  type Attributes,
  type Context,
  type Link,
  SpanKind,
  type Tracer,
  context as contextApi,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../config/config.ts";
import { withoutParent } from "../context/remote-parent.ts";
import { getRequestId } from "../context/request-id.ts";
import { ATTR } from "../semconv.ts";
import { extractHeaders, injectHeaders, waitedMs } from "./headers.ts";
import { type Message, type MessageHeaders, identityOf } from "./message.ts";
import { type DescribeMessage, describeIn } from "./received.ts";
import { isLinkable } from "./relation.ts";
import { runToEnd } from "./run.ts";
import { sharedMessaging } from "./shared.ts";

/**
 * Messages of one call that have a span, or a link, of their own: as many links as the SDK lets a span have. What is sent beyond
 * carries the context of the span of the call; senders of what is received beyond are counted, and not linked.
 */
export const MAX_SINGLED_OUT = 128;

const BATCH_COUNT = "messaging.batch.message_count";

export interface SentBatch {
  readonly system: string;
  /** Where all of them go; undefined when they go to several places. */
  readonly destination: string | undefined;
  readonly messages: readonly Pick<Message, "destination" | "headers" | "attributes">[];
  readonly attributes?: Attributes;
  /** Whether each message has a span (`create orders`) that its consumer belongs to; else all belong to the one of the call. */
  readonly createSpans: boolean;
}

/** Runs `send` with the headers to be sent, in the order of the messages, inside a span that ends with it. For two messages or more. */
export function sendBatch<Result>(
  tracer: Tracer,
  operation: string,
  { system, destination, messages, attributes, createSpans }: SentBatch,
  send: (headers: readonly MessageHeaders[]) => Result,
): Result {
  const parent = contextApi.active();
  if (isTracingSuppressed(parent)) return send(messages.map(({ headers }) => headers));
  const now = Date.now();
  const contexts = createSpans ? createContexts(tracer, parent, system, messages) : [];
  const identity = identityOf(system, destination ?? "", operation, "send");
  if (destination === undefined) delete identity["messaging.destination.name"];
  const span = tracer.startSpan(
    destination === undefined ? operation : `${operation} ${destination}`,
    {
      // Its context is in the messages, or in those that have no span of their own.
      kind: contexts.length === messages.length ? SpanKind.CLIENT : SpanKind.PRODUCER,
      attributes: { ...attributes, ...identity, [BATCH_COUNT]: messages.length },
      links: contexts.flatMap((context) => {
        const created = trace.getSpanContext(context);
        return created === undefined ? [] : [{ context: created }];
      }),
    },
    parent,
  );
  const context = trace.setSpan(parent, span);
  const sent = messages.map(({ headers }, index) => {
    const copy = { ...headers };
    injectHeaders(contexts[index] ?? context, copy, now);
    return copy;
  });
  return runToEnd(span, context, () => send(sent));
}

/** Each is the context of a span of no length. */
function createContexts(tracer: Tracer, parent: Context, system: string, messages: SentBatch["messages"]): Context[] {
  return messages.slice(0, MAX_SINGLED_OUT).map(({ destination, attributes }) => {
    const span = tracer.startSpan(
      `create ${destination}`,
      {
        kind: SpanKind.PRODUCER,
        attributes: { ...attributes, ...identityOf(system, destination, "create", "create") },
      },
      parent,
    );
    span.end();
    return trace.setSpan(parent, span);
  });
}

export interface ReceivedBatch {
  readonly system: string;
  readonly destination: string;
  /** Two or more; those behind the first MAX_SINGLED_OUT may be left out. */
  readonly messages: readonly Pick<Message, "headers" | "sentAtMs">[];
  /** Of all of them. */
  readonly count: number;
  readonly attributes?: Attributes;
  /** For `withMessage` within the handler. */
  readonly describe?: DescribeMessage;
}

/** Runs `handle` for all messages inside one CONSUMER span that is linked to the senders. */
export function processBatch<Result>(
  tracer: Tracer,
  { mode, modes }: MessagingConfig,
  { system, destination, messages, count, attributes, describe }: ReceivedBatch,
  handle: () => Result,
): Result {
  const { context, links, waited } = sendersOf(messages);
  const chosen = modes[system] ?? mode;
  const parent = chosen === "parent" || chosen === "both" ? context : withoutParent(context);
  const span = tracer.startSpan(
    `process ${destination}`,
    {
      kind: SpanKind.CONSUMER,
      attributes: {
        ...attributes,
        ...identityOf(system, destination, "process", "process"),
        [BATCH_COUNT]: count,
      },
      links,
    },
    parent,
  );
  if (waited !== undefined) span.setAttribute(ATTR.queueTime, waited / 1000);
  const unlinked = count - MAX_SINGLED_OUT;
  if (unlinked > 0) {
    span.setAttribute(ATTR.unlinkedCount, unlinked);
    sharedMessaging.counts.unlinkedMessages += unlinked;
  }
  const own = trace.setSpan(parent, span);
  return runToEnd(span, describe === undefined ? own : describeIn(own, describe), handle);
}

interface Senders {
  /** Of the first message that came with a trace; without a request id of its own where the messages are of several requests. */
  readonly context: Context;
  /** To each span once, though many messages may be of one. */
  readonly links: Link[];
  /** Milliseconds that the oldest has waited. */
  readonly waited: number | undefined;
}

/** Looks at the first MAX_SINGLED_OUT. */
export function sendersOf(messages: ReceivedBatch["messages"]): Senders {
  const now = Date.now();
  const links = new Map<string, Link>();
  let first: Context | undefined;
  let oldest: number | undefined;
  let isOneRequest = true;
  for (const { headers, sentAtMs } of messages.slice(0, MAX_SINGLED_OUT)) {
    const waited = waitedMs(headers, sentAtMs, now);
    if (waited !== undefined && waited > (oldest ?? -1)) oldest = waited;
    const remote = extractHeaders(headers);
    const sender = trace.getSpanContext(remote);
    if (isLinkable(sender)) links.set(sender.spanId + sender.traceId, { context: sender });
    first ??= remote;
    isOneRequest &&= isSameRequest(remote, first);
  }
  // What several requests have left is none of them: it gets an id of its own.
  const context = isOneRequest && first !== undefined ? first : extractHeaders({});
  return { context, links: [...links.values()], waited: oldest };
}

/** By the trace where no propagator gives request ids. */
function isSameRequest(one: Context, other: Context): boolean {
  const id = getRequestId(one);
  if (id !== undefined) return id === getRequestId(other);
  return trace.getSpanContext(one)?.traceId === trace.getSpanContext(other)?.traceId;
}
