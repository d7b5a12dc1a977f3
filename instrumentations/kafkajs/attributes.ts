// Attributes of Kafka's messages: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
import type { Attributes } from "@opentelemetry/api";
import { decode } from "../../src/messaging/headers.ts";
import type { KafkaMessage, RecordMetadata, SentMessage } from "./types.ts";

export const PARTITION = "messaging.destination.partition.id";
export const OFFSET = "messaging.kafka.offset";
export const GROUP = "messaging.consumer.group.name";

/** Characters of a key that becomes an attribute; a longer one does not. */
const MAX_KEY_LENGTH = 256;
const PRINTABLE = /^[\x20-\x7e]+$/;

export function sentAttributes({ key, value, partition }: SentMessage): Attributes {
  const attributes = payloadAttributes(key, value);
  if (typeof partition === "number") attributes[PARTITION] = String(partition);
  return attributes;
}

/** Where the broker has put a single message. */
export function placeOf(result: readonly RecordMetadata[] | undefined): Attributes {
  const [place] = Array.isArray(result) ? (result as RecordMetadata[]) : [];
  const attributes: Attributes = {};
  if (typeof place?.partition === "number") attributes[PARTITION] = String(place.partition);
  const offset = Number(place?.baseOffset);
  // -1 where the broker was not asked for an answer.
  if (offset >= 0) attributes[OFFSET] = offset;
  return attributes;
}

export function receivedAttributes({ key, value, offset }: KafkaMessage, partition: number, group: string): Attributes {
  return {
    ...payloadAttributes(key, value),
    [PARTITION]: String(partition),
    [OFFSET]: Number(offset),
    [GROUP]: group,
  };
}

function payloadAttributes(key: unknown, value: unknown): Attributes {
  const attributes: Attributes = {};
  const text = key instanceof Uint8Array && key.length <= MAX_KEY_LENGTH ? decode(key) : key;
  // Bytes that are no text have no form that all services would give them.
  if (typeof text === "string" && text.length <= MAX_KEY_LENGTH && PRINTABLE.test(text)) {
    attributes["messaging.kafka.message.key"] = text;
  }
  if (value === null) attributes["messaging.kafka.message.tombstone"] = true;
  else if (typeof value === "string") attributes["messaging.message.body.size"] = Buffer.byteLength(value);
  else if (value instanceof Uint8Array) attributes["messaging.message.body.size"] = value.length;
  return attributes;
}
