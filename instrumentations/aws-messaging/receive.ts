// ReceiveMessage: asks for the attributes that we need too, and takes them out again before the app sees the messages.
import { type Tracer, context as contextApi, propagation } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { MessagingConfig } from "../../src/config/config.ts";
import { log } from "../../src/diagnostics/log.ts";
import { sqsHeaders } from "../../src/messaging/message-shapes.ts";
import { beginPull, failReceive, receiveMessages } from "../../src/messaging/receive.ts";
import { type Received, rememberReceived } from "../../src/messaging/received.ts";
import { type Destination, queueOf } from "./destination.ts";
import type { Args, Next, ReceiveInput, ReceiveOutput, ReceivedMessage } from "./types.ts";

/** Epoch milliseconds at which SQS has taken the message. */
const SENT = "SentTimestamp";

export interface ReceiveSettings {
  readonly tracer: Tracer;
  readonly messaging: MessagingConfig;
  /** Names that request ids go by. */
  readonly requestIdHeaders: readonly string[];
}

export function receive(
  args: Args<ReceiveInput>,
  next: Next<ReceiveInput, ReceiveOutput>,
  { tracer, messaging, requestIdHeaders }: ReceiveSettings,
): ReturnType<typeof next> {
  if (isTracingSuppressed(contextApi.active())) return next(args);
  const { input } = args;
  const queue = queueOf(input.QueueUrl);
  const pull = beginPull({ ...queue, operation: "receive" });
  const asked = { ...args, input: askMore(input, [...propagation.fields(), ...requestIdHeaders]) };
  return next(asked).then(
    (result) => {
      try {
        const messages = (result.output.Messages ?? []).map((message) => take(message, input, queue));
        receiveMessages(tracer, messaging, pull, messages);
      } catch (error) {
        log.warnSometimes("receive from SQS", `messages of SQS could not be traced (${String(error)})`);
      }
      return result;
    },
    (error: unknown) => {
      failReceive(tracer, pull, error);
      throw error;
    },
  );
}

function askMore(input: ReceiveInput, names: readonly string[]): ReceiveInput {
  const asked = input.MessageAttributeNames ?? [];
  const more = names.filter((name) => !covers(asked, name));
  // The one of two names for the same that the app uses: what both together mean is not documented.
  const key = input.AttributeNames === undefined ? "MessageSystemAttributeNames" : "AttributeNames";
  const system = input[key] ?? [];
  return {
    ...input,
    ...(more.length === 0 ? {} : { MessageAttributeNames: [...asked, ...new Set(more)] }),
    ...(covers(system, SENT) ? {} : { [key]: [...system, SENT] }),
  };
}

/** Remembers for `withMessage` what the message was sent in, and leaves of it what the app has asked for. */
function take(
  message: ReceivedMessage,
  asked: ReceiveInput,
  { system, destination, attributes }: Destination,
): Received {
  const { MessageAttributes, Attributes, MessageId, Body } = message;
  const received: Received = {
    system,
    destination,
    headers: sqsHeaders(MessageAttributes ?? {}, Body),
    attributes: MessageId === undefined ? attributes : { ...attributes, "messaging.message.id": MessageId },
    sentAtMs: Attributes?.[SENT] === undefined ? undefined : Number(Attributes[SENT]),
  };
  rememberReceived(message, received);

  const { MessageAttributeNames = [], MessageSystemAttributeNames = [], AttributeNames = [] } = asked;
  const left = only(MessageAttributes, MessageAttributeNames);
  if (left !== MessageAttributes) {
    setOrDelete(message, "MessageAttributes", left);
    // It is of all that came.
    delete message.MD5OfMessageAttributes;
  }
  setOrDelete(message, "Attributes", only(Attributes, [...MessageSystemAttributeNames, ...AttributeNames]));
  return received;
}

/** The same object where the app has asked for everything in it, undefined where it has asked for nothing. */
function only<Value>(
  given: Record<string, Value> | undefined,
  asked: readonly string[],
): Record<string, Value> | undefined {
  if (given === undefined) return undefined;
  const all = Object.entries(given);
  const left = all.filter(([name]) => covers(asked, name));
  if (left.length === all.length) return given;
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

function setOrDelete<Key extends "MessageAttributes" | "Attributes">(
  message: ReceivedMessage,
  key: Key,
  value: ReceivedMessage[Key] | undefined,
): void {
  if (value === undefined) delete message[key];
  else message[key] = value;
}

/** `All`, `.*`, a name, or the beginning of names: `tenant.*`. */
function covers(asked: readonly string[], name: string): boolean {
  return asked.some(
    (one) => one === "All" || one === name || (one.endsWith(".*") && name.startsWith(one.slice(0, -2))),
  );
}
