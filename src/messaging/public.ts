// For queues that redtrail has no instrumentation for, and messages that it cannot see being processed: the public helpers.
import { type Attributes, type ContextAPI, context as contextApi, trace } from "@opentelemetry/api";
import type { MessagingConfig, MessagingMode } from "../config/config.ts";
import { getState } from "../state.ts";
import { VERSION } from "../version.ts";
import { type MessageHeaders, injectHeaders } from "./headers.ts";
import type { Message } from "./message.ts";
import { messageHeaders } from "./message-headers.ts";
import { receivedAs } from "./received.ts";
import { linkTo } from "./relation.ts";
import { processMessage } from "./spans.ts";

export const MESSAGING_DEFAULTS: MessagingConfig = { mode: "auto", modes: {}, linkAfterMs: 60_000 };
const UNKNOWN = { system: "unknown", destination: "unknown" };

export interface MessageOptions {
  /** `messaging.system`: `rabbitmq`, `kafka`, or a name of your own. @default that of the message, where redtrail saw it come */
  readonly system?: string;
  /** The queue, topic or subject. @default the same */
  readonly destination?: string;
  /** @default that of REDTRAIL_MESSAGING_MODE */
  readonly mode?: MessagingMode;
  /** Messages that are processed together with this one. @default 1 */
  readonly batchSize?: number;
  readonly attributes?: Attributes;
}

/**
 * Writes the context of the calling code into the headers of a message that is about to be sent: trace, request id, baggage,
 * and `x-sent-at`. Returns the same headers. Values are texts; a request id that is there already stays.
 */
export function injectMessage<Headers extends MessageHeaders>(headers: Headers, api: ContextAPI = contextApi): Headers {
  injectHeaders(api.active(), headers);
  return headers;
}

/**
 * Runs `handle` for a message: in a CONSUMER span, in the request (and, by its mode, the trace) of the sender. What `handle` returns or
 * throws goes to the caller; a promise keeps the span open until it settles.
 *
 * `message` is what the library has given: one of a Kafka batch, of amqplib's `get`, of SQS' ReceiveMessage, whose options redtrail knows
 * then; a message of NATS, a packet of MQTT, a job of BullMQ, an entry of a Redis stream; or the headers of any other, with texts or
 * bytes for values.
 */
export function withMessage<Result>(message: object | undefined, handle: () => Result): Result;
export function withMessage<Result>(message: object | undefined, options: MessageOptions, handle: () => Result): Result;
export function withMessage<Result>(
  message: object | undefined,
  ...rest: readonly [handle: () => Result] | readonly [options: MessageOptions, handle: () => Result]
): Result {
  const [options, handle] = rest.length === 1 ? [{}, rest[0]] : rest;
  const settings = getState()?.messaging ?? MESSAGING_DEFAULTS;
  const { mode, attributes, ...given } = options;
  return processMessage(
    trace.getTracer("redtrail/messaging", VERSION),
    mode === undefined ? settings : { ...settings, mode, modes: {} },
    { ...describe(message, attributes), ...given, links: linkTo(contextApi.active()) },
    handle,
  );
}

function describe(message: object | undefined, attributes: Attributes = {}): Message {
  const known = message === undefined ? undefined : receivedAs(message, contextApi.active());
  if (known !== undefined) return { ...known, attributes: { ...known.attributes, ...attributes } };
  return { ...UNKNOWN, headers: messageHeaders(message), attributes };
}
