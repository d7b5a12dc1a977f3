// Spans of messages: PRODUCER for one that is sent, CONSUMER for one that is processed, and how the two belong together.
// https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
import {
  type Attributes,
  type Context,
  type Span,
  type SpanOptions,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  context as contextApi,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../config/config.ts";
import { withoutParent } from "../context/remote-parent.ts";
import { ATTR } from "../semconv.ts";
import { type MessageHeaders, extractHeaders, injectHeaders, waitedMs } from "./headers.ts";

export interface Message {
  /** As the conventions name it: `rabbitmq`, `kafka`, `nats`. */
  readonly system: string;
  /** The queue, topic or subject. */
  readonly destination: string;
  readonly headers: MessageHeaders;
  readonly attributes?: Attributes;
  /** Messages that are processed together with this one. @default 1 */
  readonly batchSize?: number;
}

/** Runs `send` with the headers to be sent, inside a PRODUCER span that ends with it (with its promise, if it makes one). */
export function sendMessage<Result>(
  tracer: Tracer,
  operation: string,
  { system, destination, headers, attributes }: Message,
  send: (headers: MessageHeaders) => Result,
): Result {
  const parent = contextApi.active();
  if (isTracingSuppressed(parent)) return send(headers);
  const span = tracer.startSpan(
    `${operation} ${destination}`,
    { kind: SpanKind.PRODUCER, attributes: { ...attributes, ...identity(system, destination, operation, "send") } },
    parent,
  );
  const context = trace.setSpan(parent, span);
  const sent = { ...headers };
  injectHeaders(context, sent);
  return runToEnd(span, context, () => send(sent));
}

/** Runs `handle` inside a CONSUMER span that ends with it (with its promise, if it makes one), in the request of the sender. */
export function processMessage<Result>(
  tracer: Tracer,
  settings: MessagingConfig,
  { system, destination, headers, attributes, batchSize = 1 }: Message,
  handle: () => Result,
): Result {
  const waited = waitedMs(headers);
  const mode = settings.modes[system] ?? settings.mode;
  const isOld = waited !== undefined && waited > settings.linkAfterMs;
  const relation = mode === "auto" ? (batchSize > 1 || isOld ? "link" : "parent") : mode;

  const remote = extractHeaders(headers);
  const sender = trace.getSpanContext(remote);
  const parent = relation === "link" ? withoutParent(remote) : remote;
  const options: SpanOptions = {
    kind: SpanKind.CONSUMER,
    attributes: { ...attributes, ...identity(system, destination, "process", "process") },
  };
  if (relation !== "parent" && sender !== undefined) options.links = [{ context: sender }];
  const span = tracer.startSpan(`process ${destination}`, options, parent);
  if (waited !== undefined) span.setAttribute(ATTR.queueTime, waited / 1000);
  if (batchSize > 1) span.setAttribute("messaging.batch.message_count", batchSize);
  return runToEnd(span, trace.setSpan(parent, span), handle);
}

function identity(system: string, destination: string, operation: string, type: string): Attributes {
  return {
    "messaging.system": system,
    "messaging.destination.name": destination,
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
  };
}

/** What `run` throws, or its promise is rejected with, goes on to the app; the span tells of it. */
export function runToEnd<Result>(span: Span, context: Context, run: () => Result): Result {
  let result: Result;
  try {
    result = contextApi.with(context, run);
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!isPromise(result)) {
    span.end();
    return result;
  }
  // What the caller gets is what follows from the app's promise, so that a rejection that nobody handles stays one.
  return result.then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  ) as Result;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === "object" && typeof (value as { then?: unknown }).then === "function";
}

/** Ends the span as failed. */
export function fail(span: Span, error: unknown): void {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  const type = typeof code === "string" ? code : typeof name === "string" ? name : "_OTHER";
  span.setAttribute(ATTR.errorType, type);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(typeof message === "string" ? { message } : {}),
  });
  span.end();
}
