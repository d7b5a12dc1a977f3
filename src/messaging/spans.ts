// Spans of single messages: PRODUCER for one that is sent, CONSUMER for one that is processed.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
import {
  type Context,
  type Span,
  type SpanOptions,
  SpanKind,
  type Tracer,
  context as contextApi,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../config/config.ts";
import { ATTR } from "../semconv.ts";
import { injectHeaders } from "./headers.ts";
import { type Message, type MessageHeaders, identityOf } from "./message.ts";
import { relationOf } from "./relation.ts";
import { type Returned, runListeners, runToEnd, runUntilDone } from "./run.ts";

export type { Message } from "./message.ts";

/** Whether messages are to be left as they are, also without an empty place for headers. */
export function isSilent(): boolean {
  return isTracingSuppressed(contextApi.active());
}

/** Runs `send` with the headers to be sent, inside a PRODUCER span that ends with it (with its promise, if it makes one). */
export function sendMessage<Result>(
  tracer: Tracer,
  operation: string,
  message: Message,
  send: (headers: MessageHeaders) => Result,
): Result {
  const sending = beginSend(tracer, operation, message);
  if (sending === undefined) return send(message.headers);
  return runToEnd(sending.span, sending.context, () => send(sending.headers));
}

/** The same for what tells by a callback when the message is sent: `send` has `done` called then. */
export function sendUntilDone<Result>(
  tracer: Tracer,
  operation: string,
  message: Message,
  send: (headers: MessageHeaders, done: (error?: unknown) => void) => Result,
): Result {
  const sending = beginSend(tracer, operation, message);
  if (sending === undefined) return send(message.headers, () => {});
  return runUntilDone(sending.span, sending.context, (done) => send(sending.headers, done));
}

/** Undefined while tracing is suppressed. */
function beginSend(
  tracer: Tracer,
  operation: string,
  { system, destination, headers, attributes, maxHeaderBytes }: Message,
): (Running & { readonly headers: MessageHeaders }) | undefined {
  const parent = contextApi.active();
  if (isTracingSuppressed(parent)) return undefined;
  const sent = { ...headers };
  const span = tracer.startSpan(
    `${operation} ${destination}`,
    { kind: SpanKind.PRODUCER, attributes: { ...attributes, ...identityOf(system, destination, operation, "send") } },
    parent,
  );
  const context = trace.setSpan(parent, span);
  injectHeaders(context, sent, Date.now(), maxHeaderBytes);
  return { span, context, headers: sent };
}

/** Runs `handle` inside a CONSUMER span that ends with it (with its promise, if it makes one), in the request of the sender. */
export function processMessage<Result>(
  tracer: Tracer,
  settings: MessagingConfig,
  message: Message,
  handle: () => Result,
): Result {
  const { span, context } = beginProcess(tracer, settings, message);
  return runToEnd(span, context, handle);
}

/** The same where the library drops what its listeners return: `deliver` tells of each (see runListeners). */
export function deliverMessage<Result>(
  tracer: Tracer,
  settings: MessagingConfig,
  message: Message,
  deliver: (returned: Returned) => Result,
): Result {
  const { span, context } = beginProcess(tracer, settings, message);
  return runListeners(span, context, deliver);
}

interface Running {
  readonly span: Span;
  readonly context: Context;
}

/** The span of a message that is processed, for who ends it: one whose handler is no function that could be called. */
export function beginProcess(tracer: Tracer, settings: MessagingConfig, message: Message): Running {
  const { system, destination, attributes, batchSize = 1 } = message;
  const { parent, links, waited } = relationOf(settings, message);
  const options: SpanOptions = {
    kind: SpanKind.CONSUMER,
    attributes: { ...attributes, ...identityOf(system, destination, "process", "process") },
  };
  if (links.length > 0) options.links = [...links];
  // What a subscription to many destinations is written as names the span: there are fewer of them.
  const template = attributes?.["messaging.destination.template"];
  const span = tracer.startSpan(`process ${typeof template === "string" ? template : destination}`, options, parent);
  if (waited !== undefined) span.setAttribute(ATTR.queueTime, waited / 1000);
  if (batchSize > 1) span.setAttribute("messaging.batch.message_count", batchSize);
  return { span, context: trace.setSpan(parent, span) };
}
