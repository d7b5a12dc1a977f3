// Finds the headers in a message, whatever library it is of.
import { context as contextApi } from "@opentelemetry/api";
import { carriedHeaders } from "./carried-headers.ts";
import type { MessageHeaders } from "./message.ts";
import { receivedAs } from "./received.ts";

/**
 * The headers of a message as its library has given it to the app: kafkajs, amqplib, NATS, MQTT, BullMQ, a Redis stream, SQS (also
 * what SNS has put into its body), and the records that a Lambda function gets of the two. An object that is none of them is taken for headers.
 */
export function messageHeaders(message: object | undefined): MessageHeaders {
  if (message === undefined) return {};
  const known = receivedAs(message, contextApi.active());
  if (known !== undefined) return known.headers;
  const carried = carriedHeaders(message);
  if (carried !== undefined) return carried;
  const { headers, properties, MessageAttributes, messageAttributes, Body, body, Sns } = message as Record<
    string,
    unknown
  >;
  const inside = (properties as { readonly headers?: unknown } | undefined)?.headers;
  const notification = (Sns as { readonly MessageAttributes?: unknown } | undefined)?.MessageAttributes;
  const found = [headers, inside, notification].find(isHeaders);
  if (found !== undefined) return found;
  const isOfSqs = "ReceiptHandle" in message || "receiptHandle" in message;
  const attributes = MessageAttributes ?? messageAttributes;
  if (isOfSqs) return sqsHeaders(isHeaders(attributes) ? attributes : {}, Body ?? body);
  return isHeaders(attributes) ? attributes : (message as MessageHeaders);
}

/** The attributes of an SQS message; where SNS has sent it without raw delivery, those of the notification that is its body. */
export function sqsHeaders(attributes: MessageHeaders, body: unknown): MessageHeaders {
  return { ...notificationAttributes(body), ...attributes };
}

/** `{"Type": "Notification", "TopicArn": "...", "Message": "...", "MessageAttributes": {"traceparent": {"Type": "String", "Value": "..."}}}` */
function notificationAttributes(body: unknown): MessageHeaders | undefined {
  // Only what looks like one is parsed; SQS limits it to 1 MiB.
  if (typeof body !== "string" || !body.startsWith("{")) return undefined;
  if (!body.includes('"TopicArn"') || !body.includes('"MessageAttributes"')) return undefined;
  try {
    const { Type, MessageAttributes } = JSON.parse(body) as Record<string, unknown>;
    return Type === "Notification" && isHeaders(MessageAttributes) ? MessageAttributes : undefined;
  } catch {
    return undefined;
  }
}

function isHeaders(value: unknown): value is MessageHeaders {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
