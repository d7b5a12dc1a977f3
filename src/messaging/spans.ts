// Spans of single messages: PRODUCER for one that is sent, CONSUMER for one that is processed.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
import { type SpanOptions, SpanKind, type Tracer, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../config/config.ts";
import { ATTR } from "../semconv.ts";
import { injectHeaders } from "./headers.ts";
import { type Message, type MessageHeaders, identityOf } from "./message.ts";
import { relationOf } from "./relation.ts";
import { runToEnd } from "./run.ts";

export type { Message } from "./message.ts";

/** Runs `send` with the headers to be sent, inside a PRODUCER span that ends with it (with its promise, if it makes one). */
export function sendMessage<Result>(
  tracer: Tracer,
  operation: string,
  { system, destination, headers, attributes, maxHeaderBytes }: Message,
  send: (headers: MessageHeaders) => Result,
): Result {
  const parent = contextApi.active();
  if (isTracingSuppressed(parent)) return send(headers);
  const span = tracer.startSpan(
    `${operation} ${destination}`,
    { kind: SpanKind.PRODUCER, attributes: { ...attributes, ...identityOf(system, destination, operation, "send") } },
    parent,
  );
  const context = trace.setSpan(parent, span);
  const sent = { ...headers };
  injectHeaders(context, sent, Date.now(), maxHeaderBytes);
  return runToEnd(span, context, () => send(sent));
}

/** Runs `handle` inside a CONSUMER span that ends with it (with its promise, if it makes one), in the request of the sender. */
export function processMessage<Result>(
  tracer: Tracer,
  settings: MessagingConfig,
  message: Message,
  handle: () => Result,
): Result {
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
  return runToEnd(span, trace.setSpan(parent, span), handle);
}
