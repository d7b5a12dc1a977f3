// How the messages of each library are recognized, and where their headers are.
import { type MessageHeaders, isHeaders, parseHeaders } from "./message.ts";

type Given = Readonly<Record<string, unknown>>;

interface Shape {
  /** Told by what a message has in any case, so that one without headers is not taken for headers. */
  readonly isOf: (message: Given) => boolean;
  /** An object, or pairs of name and value; anything else is none. */
  readonly headersOf: (message: Given) => unknown;
}

const SHAPES: readonly Shape[] = [
  // kafkajs
  {
    isOf: (message) => typeof message["offset"] === "string" && "value" in message && "timestamp" in message,
    headersOf: ({ headers }) => headers,
  },
  // amqplib
  {
    isOf: ({ fields, properties, content }) =>
      isHeaders(fields) && isHeaders(properties) && content instanceof Uint8Array,
    headersOf: ({ properties }) => memberOf(properties, "headers"),
  },
  // SQS, and its records in Lambda
  { isOf: (message) => "ReceiptHandle" in message || "receiptHandle" in message, headersOf: headersOfSqs },
  // SNS' records in Lambda
  { isOf: ({ Sns }) => isHeaders(Sns), headersOf: ({ Sns }) => memberOf(Sns, "MessageAttributes") },
  // NATS
  {
    isOf: ({ subject, data }) => typeof subject === "string" && data instanceof Uint8Array,
    headersOf: ({ headers }) => headers,
  },
  // MQTT
  {
    isOf: ({ cmd, topic }) => cmd === "publish" && typeof topic === "string",
    headersOf: ({ properties }) => memberOf(properties, "userProperties"),
  },
  // BullMQ
  {
    isOf: (message) =>
      typeof message["name"] === "string" && "data" in message && isHeaders(message["opts"]) && !isOther(message),
    headersOf: ({ opts }) => metadataOf(opts),
  },
  // An entry of node-redis
  {
    isOf: (given) => typeof given["id"] === "string" && isHeaders(given["message"]) && !isOther(given),
    headersOf: ({ message }) => message,
  },
];

/** A message of a queue of the app's own, which looks like one of a library that has no `headers`. */
function isOther(message: Given): boolean {
  return "headers" in message;
}

/** Where the headers are in what has some of a message's members only: one that is about to be sent, or of a library that nobody knows. */
const PLACES: readonly ((message: Given) => unknown)[] = [
  ({ headers }) => headers,
  ({ properties }) => memberOf(properties, "headers") ?? memberOf(properties, "userProperties"),
  ({ opts }) => metadataOf(opts),
  ({ MessageAttributes, messageAttributes }) => MessageAttributes ?? messageAttributes,
];

/** Undefined for an object that is none of the messages that are known: it may be headers itself. */
export function headersIn(message: object): MessageHeaders | undefined {
  if (message instanceof Uint8Array) return {};
  if (Array.isArray(message)) return fieldsOf(message);
  if (isIterable(message)) return fromPairs(message) ?? {};
  const given = message as Given;
  const shape = SHAPES.find(({ isOf }) => isOf(given));
  if (shape !== undefined) return toHeaders(shape.headersOf(given)) ?? {};
  for (const find of PLACES) {
    const headers = toHeaders(find(given));
    if (headers !== undefined) return headers;
  }
  // A message that could have some.
  return "headers" in given && (given["headers"] ?? undefined) === undefined ? {} : undefined;
}

/** The attributes of an SQS message; where SNS has sent it without raw delivery, those of the notification that is its body. */
export function sqsHeaders(attributes: MessageHeaders, body: unknown): MessageHeaders {
  return { ...notificationAttributes(body), ...attributes };
}

function headersOfSqs({ MessageAttributes, messageAttributes, Body, body }: Given): MessageHeaders {
  const attributes = MessageAttributes ?? messageAttributes;
  return sqsHeaders(isHeaders(attributes) ? attributes : {}, Body ?? body);
}

/** `{"Type": "Notification", "TopicArn": "...", "Message": "...", "MessageAttributes": {"traceparent": {"Type": "String", "Value": "..."}}}` */
function notificationAttributes(body: unknown): MessageHeaders | undefined {
  // Only what looks like one is parsed; SQS limits it to 1 MiB.
  if (typeof body !== "string" || !body.startsWith("{")) return undefined;
  if (!body.includes('"TopicArn"') || !body.includes('"MessageAttributes"')) return undefined;
  const { Type, MessageAttributes } = parseHeaders(body) ?? {};
  return Type === "Notification" && isHeaders(MessageAttributes) ? MessageAttributes : undefined;
}

/** `["item", "7", "traceparent", "00-..."]` of ioredis, or an entry of either client that has such a list, or an object of fields. */
function fieldsOf(list: readonly unknown[]): MessageHeaders {
  const [, fields] = list;
  if (list.length === 2 && Array.isArray(fields)) return fieldsOf(fields);
  if (list.length === 2 && isHeaders(fields)) return fields;
  const headers: MessageHeaders = {};
  for (let index = 0; index + 1 < list.length; index += 2) headers[String(list[index])] = list[index + 1];
  return headers;
}

function metadataOf(options: unknown): MessageHeaders | undefined {
  const metadata = memberOf(memberOf(options, "telemetry"), "metadata");
  return typeof metadata === "string" ? parseHeaders(metadata) : undefined;
}

function toHeaders(found: unknown): MessageHeaders | undefined {
  if (isIterable(found)) return fromPairs(found);
  return isHeaders(found) ? found : undefined;
}

/** A Map, the headers of NATS, fetch's Headers. */
function fromPairs(pairs: Iterable<unknown>): MessageHeaders | undefined {
  const headers: MessageHeaders = {};
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string") return undefined;
    headers[pair[0]] = pair[1];
  }
  return headers;
}

function memberOf(value: unknown, name: string): unknown {
  return isHeaders(value) ? value[name] : undefined;
}

/** Not an iterator: that can be gone through once, and is the app's. */
function isIterable(value: unknown): value is Iterable<unknown> {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return false;
  return Symbol.iterator in value && !("next" in value);
}
