// Finds the headers in a message, whatever library it is of.
import { context as contextApi } from "@opentelemetry/api";
import type { MessageHeaders } from "./message.ts";
import { headersIn } from "./message-shapes.ts";
import { receivedAs } from "./received.ts";

/** What apps have in hand where a message may be: nothing has no headers. */
export type GivenMessage = object | false | null | undefined;

/**
 * The headers of a message as its library has given it to the app: kafkajs, amqplib, NATS, MQTT, BullMQ, a Redis stream, SQS (also
 * what SNS has put into its body), and the records that a Lambda function gets of the two. An object that is none of them is taken for headers.
 */
export function messageHeaders(message: GivenMessage): MessageHeaders {
  // JavaScript may give anything.
  if (typeof message !== "object" || message === null) return {};
  const known = receivedAs(message, contextApi.active());
  return known?.headers ?? headersIn(message) ?? (message as MessageHeaders);
}
