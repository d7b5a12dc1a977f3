// SendMessage and Publish, and the batches of both.
import { type Span, SpanStatusCode, type Tracer, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { sendBatch } from "../../src/messaging/batch.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { sendMessage } from "../../src/messaging/spans.ts";
import { ATTR } from "../../src/semconv.ts";
import { type Destination, queueOf, topicOf } from "./destination.ts";
import { isTooLarge, toAttributes } from "./message-attributes.ts";
import type { Args, Next, Outgoing, SendInput, SendOutput } from "./types.ts";

export interface SendSettings {
  readonly tracer: Tracer;
  /** Names that request ids go by. */
  readonly requestIdHeaders: readonly string[];
  /** Whether each message of a batch has a span of its own. */
  readonly createSpans: boolean;
}

type BatchKey = "Entries" | "PublishBatchRequestEntries";

export function sendOne(
  args: Args<SendInput>,
  next: Next<SendInput, SendOutput>,
  { tracer, requestIdHeaders }: SendSettings,
): ReturnType<typeof next> {
  const { input } = args;
  const to = destinationOf(input);
  if (to === undefined || isTracingSuppressed(contextApi.active())) return next(args);
  const own = input.MessageAttributes ?? {};
  return sendMessage(tracer, operationOf(to), { ...to, headers: own }, (headers) => {
    const attributes = toAttributes(headers, requestIdHeaders);
    const isTaken = !isTooLarge([{ body: bodyOf(input), own, attributes }]);
    const span = trace.getSpan(contextApi.active());
    return next(isTaken ? { ...args, input: { ...input, MessageAttributes: attributes } } : args).then((result) => {
      const id = result.output.MessageId;
      if (id !== undefined) span?.setAttribute("messaging.message.id", id);
      return result;
    });
  });
}

export function sendMany(
  args: Args<SendInput>,
  next: Next<SendInput, SendOutput>,
  key: BatchKey,
  { tracer, requestIdHeaders, createSpans }: SendSettings,
): ReturnType<typeof next> {
  const { input } = args;
  const to = destinationOf(input);
  const entries: unknown = input[key];
  // What the SDK does not take it says itself.
  if (to === undefined || !isListOfObjects(entries) || isTracingSuppressed(contextApi.active())) return next(args);
  const { system, destination, attributes } = to;
  const messages = entries.map(({ MessageAttributes = {} }) => ({ destination, headers: MessageAttributes }));
  const send = (headers: readonly MessageHeaders[]): ReturnType<typeof next> => {
    const sent = entries.map((entry, index) => ({
      ...entry,
      MessageAttributes: toAttributes(headers[index] ?? {}, requestIdHeaders),
    }));
    const sizes = entries.map((entry, index) => ({
      body: bodyOf(entry),
      own: entry.MessageAttributes ?? {},
      attributes: sent[index]?.MessageAttributes ?? {},
    }));
    const span = trace.getSpan(contextApi.active());
    return next(isTooLarge(sizes) ? args : { ...args, input: { ...input, [key]: sent } }).then((result) => {
      noteFailures(span, result.output, entries.length);
      return result;
    });
  };
  const [only] = messages;
  if (only !== undefined && messages.length === 1) {
    return sendMessage(tracer, operationOf(to), { ...to, headers: only.headers }, (headers) => send([headers]));
  }
  return sendBatch(tracer, operationOf(to), { system, destination, messages, attributes, createSpans }, send);
}

/** A batch may fail in part, which the SDK does not throw. */
function noteFailures(span: Span | undefined, { Failed = [] }: SendOutput, count: number): void {
  const [first] = Failed;
  if (first === undefined || span === undefined) return;
  span.setAttribute(ATTR.errorType, first.Code ?? "_OTHER");
  span.setStatus({ code: SpanStatusCode.ERROR, message: `${Failed.length} of ${count} messages were refused` });
}

function destinationOf({ QueueUrl, TopicArn, TargetArn }: SendInput): Destination | undefined {
  return QueueUrl === undefined ? topicOf(TopicArn ?? TargetArn) : queueOf(QueueUrl);
}

/** As the service calls it. */
function operationOf({ system }: Destination): string {
  return system === "aws_sqs" ? "send" : "publish";
}

function bodyOf({ MessageBody, Message }: Outgoing): unknown {
  return MessageBody ?? Message;
}

function isListOfObjects(value: unknown): value is readonly Outgoing[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "object" && one !== null);
}
