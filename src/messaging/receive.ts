// The span of a pull: the app asks for messages, and gets them before anything knows what they were sent in.
import { type Context, SpanKind, type Tracer, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../config/config.ts";
import { withoutParent } from "../context/remote-parent.ts";
import { ATTR } from "../semconv.ts";
import { sendersOf } from "./batch.ts";
import { type Message, identityOf } from "./message.ts";
import { linkTo, relationOf } from "./relation.ts";
import { fail } from "./run.ts";

export interface Pull extends Pick<Message, "system" | "destination" | "attributes"> {
  /** As the library calls it: `get`, `receive`. */
  readonly operation: string;
  /** Epoch milliseconds at which the app asked. */
  readonly startTime: number;
  /** What the app asked in. */
  readonly context: Context;
}

/**
 * Makes the CLIENT span of a pull that has brought messages (one that brought none has no span), and returns the context that
 * they are in. One message is a child of its sender by the same rules as when it is processed; several are links.
 */
export function receiveMessages(
  tracer: Tracer,
  settings: MessagingConfig,
  { system, destination, operation, attributes, startTime, context: asked }: Pull,
  messages: readonly Pick<Message, "headers" | "sentAtMs">[],
): Context {
  if (messages.length === 0 || isTracingSuppressed(asked)) return asked;
  const [first] = messages as [Message];
  const several = messages.length > 1 ? sendersOf(messages) : undefined;
  const single = several === undefined ? relationOf(settings, { ...first, system, destination }) : undefined;
  const base = single?.parent ?? withoutParent(several?.context ?? asked);
  const hasSender = trace.getSpan(base) !== undefined;
  const asking = trace.getSpan(asked);
  // Without a sender above it, the span belongs to the work that asked.
  const parent = hasSender || asking === undefined ? base : trace.setSpan(base, asking);
  const span = tracer.startSpan(
    `${operation} ${destination}`,
    {
      kind: SpanKind.CLIENT,
      startTime,
      attributes: {
        ...attributes,
        ...identityOf(system, destination, operation, "receive"),
        ...(several === undefined ? {} : { "messaging.batch.message_count": messages.length }),
      },
      links: [...(single?.links ?? several?.links ?? []), ...(hasSender ? linkTo(asked) : [])],
    },
    parent,
  );
  const waited = single?.waited ?? several?.waited;
  if (waited !== undefined) span.setAttribute(ATTR.queueTime, waited / 1000);
  span.end();
  return trace.setSpan(parent, span);
}

/** The span of a pull that has failed. */
export function failReceive(
  tracer: Tracer,
  { system, destination, operation, attributes, startTime, context }: Pull,
  error: unknown,
): void {
  if (isTracingSuppressed(context)) return;
  const span = tracer.startSpan(
    `${operation} ${destination}`,
    {
      kind: SpanKind.CLIENT,
      startTime,
      attributes: { ...attributes, ...identityOf(system, destination, operation, "receive") },
    },
    context,
  );
  fail(span, error);
}

/** What the app does now, for those who ask later. */
export function beginPull(pull: Omit<Pull, "startTime" | "context">): Pull {
  return { ...pull, startTime: Date.now(), context: contextApi.active() };
}
