// Finds the headers in a message, whatever library it is of.
import { context as contextApi } from "@opentelemetry/api";
import { describeError } from "../diagnostics/describe-error.ts";
import { log } from "../diagnostics/log.ts";
import type { MessageHeaders } from "./message.ts";
import { headersIn } from "./message-shapes.ts";
import { type Received, receivedAs } from "./received.ts";

/** What apps have in hand where a message may be: nothing has no headers. */
export type GivenMessage = object | false | null | undefined;

/**
 * The headers of a message as its library has given it to the app: kafkajs, amqplib, NATS, MQTT, BullMQ, a Redis stream, SQS (also
 * what SNS has put into its body), and the records that a Lambda function gets of the two. An object that is none of them is taken for headers.
 */
export function messageHeaders(message: GivenMessage): MessageHeaders {
  return findMessage(message).headers;
}

/** What is known of a message; its headers at least. */
export function findMessage(message: GivenMessage): Partial<Received> & Pick<Received, "headers"> {
  // JavaScript may give anything.
  if (typeof message !== "object" || message === null) return { headers: {} };
  try {
    const known = receivedAs(message, contextApi.active());
    return known ?? { headers: headersIn(message) ?? (message as MessageHeaders) };
  } catch (error) {
    // A getter of the app's.
    log.warnSometimes("message headers", `a message cannot be read (${describeError(error)}); it is of no request`);
    return { headers: {} };
  }
}
