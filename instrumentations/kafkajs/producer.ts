// What a producer or a transaction of kafkajs sends.
import { type Tracer, context as contextApi, trace } from "@opentelemetry/api";
import { sendBatch } from "../../src/messaging/batch.ts";
import { type MessageHeaders, isHeaders } from "../../src/messaging/message.ts";
import { headersSize, isRefused, sizeOf } from "../../src/messaging/size-limit.ts";
import { sendMessage } from "../../src/messaging/spans.ts";
import { wrapKnownMethod } from "../wrap-method.ts";
import { placeOf, sentAttributes } from "./attributes.ts";
import type { Producer, SentMessage, Sender, TopicMessages } from "./types.ts";
import { withProperties } from "./with-properties.ts";

/** `max.message.bytes` as brokers have it unless they are told otherwise: of all messages that a call puts into a partition, compressed. */
const BROKER_LIMITS = [1_048_588];
/** Bytes that a record takes beside its key, value and headers, at most or so. */
const RECORD_OVERHEAD = 30;
/** The lengths of a name and a value of 16 KiB or less, or so. */
const HEADER_OVERHEAD = 4;
/** Bytes of a batch of records beside them. */
const BATCH_OVERHEAD = 100;

export interface ProducerSettings {
  readonly tracer: Tracer;
  /** Whether each message of a batch has a span of its own. */
  readonly createSpans: boolean;
}

export function watchProducer(producer: Producer, settings: ProducerSettings): void {
  watchSender(producer, settings);
  wrapKnownMethod<Producer["transaction"]>(
    "kafkajs",
    producer,
    "transaction",
    (transaction) =>
      async function transactionWithContext(this: Producer, ...args) {
        const begun = await transaction.apply(this, args);
        watchSender(begun, settings);
        return begun;
      },
  );
}

/** kafkajs makes both kinds of sender for each caller; they are no class. */
function watchSender(sender: Sender, { tracer, createSpans }: ProducerSettings): void {
  wrapKnownMethod<Sender["send"]>(
    "kafkajs",
    sender,
    "send",
    (send) =>
      function sendWithContext(this: Sender, record, ...rest) {
        // What kafkajs does not take it says itself.
        if (!isRecord(record)) return send.call(this, record, ...rest);
        return sendRecords(tracer, createSpans, [record], async ([sent]) => {
          const result = await send.call(this, sent as TopicMessages, ...rest);
          if (record.messages.length === 1) trace.getSpan(contextApi.active())?.setAttributes(placeOf(result));
          return result;
        });
      },
  );
  wrapKnownMethod<Sender["sendBatch"]>(
    "kafkajs",
    sender,
    "sendBatch",
    (sendMany) =>
      function sendBatchWithContext(this: Sender, batch, ...rest) {
        const records: unknown = batch?.topicMessages;
        if (!Array.isArray(records) || !records.every(isRecord)) return sendMany.call(this, batch, ...rest);
        return sendRecords(tracer, createSpans, records, (sent) =>
          sendMany.call(this, withProperties(batch, { topicMessages: sent }), ...rest),
        );
      },
  );
}

function sendRecords<Result>(
  tracer: Tracer,
  createSpans: boolean,
  records: readonly TopicMessages[],
  send: (records: readonly TopicMessages[]) => Result,
): Result {
  const all = records.flatMap(({ topic, messages }) => messages.map((message) => ({ topic, message })));
  const [first] = all;
  if (first === undefined) return send(records);
  const messages = all.map(({ topic, message }) => ({
    system: "kafka",
    destination: topic,
    headers: message.headers ?? {},
    attributes: sentAttributes(message),
  }));
  const sendWith = (headers: readonly MessageHeaders[]): Result => send(withHeaders(records, headers));
  if (messages.length === 1) {
    return sendMessage(tracer, "send", messages[0] as (typeof messages)[0], (headers) => sendWith([headers]));
  }
  const destination = all.every(({ topic }) => topic === first.topic) ? first.topic : undefined;
  return sendBatch(tracer, "send", { system: "kafka", destination, messages, createSpans }, sendWith);
}

/** The records with these headers, which are in the order of all messages. */
function withHeaders(records: readonly TopicMessages[], headers: readonly MessageHeaders[]): TopicMessages[] {
  let index = 0;
  return records.map((record) => {
    const own = headers.slice(index, (index += record.messages.length));
    if (isTooMuch(record, own)) return record;
    const messages = record.messages.map((message, place) => withProperties(message, { headers: own[place] ?? {} }));
    return withProperties(record, { messages });
  });
}

/** What a call that is taken without our headers is not to be refused for. */
function isTooMuch({ messages }: TopicMessages, headers: readonly MessageHeaders[]): boolean {
  let bare = 0;
  for (const { key, value } of messages) bare += sizeOf(key) + sizeOf(value);
  if (bare > Math.max(...BROKER_LIMITS)) return false;
  let full = bare + BATCH_OVERHEAD + messages.length * RECORD_OVERHEAD;
  for (const one of headers) full += headersSize(one, HEADER_OVERHEAD);
  return isRefused(BROKER_LIMITS, bare, full, messages.length);
}

function isRecord(record: unknown): record is TopicMessages {
  const messages = (record as TopicMessages | undefined)?.messages;
  return Array.isArray(messages) && messages.every(isMessage);
}

function isMessage(message: SentMessage | null | undefined): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { value, headers } = message;
  return value !== undefined && (headers === undefined || isHeaders(headers));
}
