// For queues that redtrail has no instrumentation for, and messages that it cannot see being processed: the public helpers.
import { type Attributes, context as contextApi, trace } from "@opentelemetry/api";
import type { MessagingConfig, MessagingMode } from "../config/config.ts";
import { describeError } from "../diagnostics/describe-error.ts";
import { log } from "../diagnostics/log.ts";
import { getState } from "../state.ts";
import { VERSION } from "../version.ts";
import { type MessageHeaders, injectHeaders } from "./headers.ts";
import type { Message } from "./message.ts";
import { type GivenMessage, findMessage } from "./message-headers.ts";
import { linkTo } from "./relation.ts";
import { processMessage } from "./spans.ts";

export const MESSAGING_DEFAULTS: MessagingConfig = { mode: "auto", modes: {}, linkAfterMs: 60_000 };

export interface MessageOptions {
  /** `messaging.system`: `rabbitmq`, `kafka`, or a name of your own. @default that of the message, where redtrail saw it come */
  readonly system?: string | undefined;
  /** The queue, topic or subject. @default the same */
  readonly destination?: string | undefined;
  /** @default that of REDTRAIL_MESSAGING_MODE */
  readonly mode?: MessagingMode | undefined;
  /** Messages that are processed together with this one. @default 1 */
  readonly batchSize?: number | undefined;
  readonly attributes?: Attributes | undefined;
}

/**
 * Writes the context of the calling code into the headers of a message that is about to be sent: trace, request id, baggage,
 * and `x-sent-at`. Returns the same headers, or new ones where there were none. Values are texts; a request id that is there already stays.
 */
export function injectMessage<Headers extends object>(headers: Headers): Headers;
export function injectMessage(headers?: object | null): MessageHeaders;
export function injectMessage(headers?: unknown): unknown {
  // JavaScript may give anything.
  if (headers !== undefined && headers !== null && typeof headers !== "object") return headers;
  const written = (headers ?? {}) as MessageHeaders;
  try {
    if (isMapLike(written)) injectIntoMap(written);
    else injectHeaders(contextApi.active(), written);
  } catch (error) {
    log.warnSometimes(
      "injectMessage",
      `headers cannot be written (${describeError(error)}); the message carries no trace`,
    );
  }
  return written;
}

interface MapLike extends Iterable<readonly [string, unknown]> {
  set(name: string, value: unknown): unknown;
  delete(name: string): unknown;
}

/** A Map, fetch's Headers, those of NATS: what is written beside their entries is never sent. */
function isMapLike(headers: object): headers is MapLike {
  return Symbol.iterator in headers && "set" in headers && "delete" in headers;
}

function injectIntoMap(map: MapLike): void {
  const before: MessageHeaders = Object.fromEntries(map);
  const after = { ...before };
  injectHeaders(contextApi.active(), after);
  for (const name of Object.keys(before)) if (!(name in after)) map.delete(name);
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) map.set(name, value);
}

/**
 * Runs `handle` for a message: in a CONSUMER span, in the request (and, by its mode, the trace) of the sender. What `handle` returns or
 * throws goes to the caller; a promise keeps the span open until it settles.
 *
 * `message` is what the library has given: one of a Kafka batch, of amqplib's `get`, of SQS' ReceiveMessage, whose options redtrail knows
 * then; a message of NATS, a packet of MQTT, a job of BullMQ, an entry of a Redis stream; or the headers of any other, with texts or
 * bytes for values. What is no object has no headers, and begins a request.
 */
export function withMessage<Result>(message: GivenMessage, handle: () => Result): Result;
export function withMessage<Result>(
  message: GivenMessage,
  options: MessageOptions | null | undefined,
  handle: () => Result,
): Result;
export function withMessage<Result>(
  message: GivenMessage,
  ...rest: readonly [handle: () => Result] | readonly [options: MessageOptions | null | undefined, handle: () => Result]
): Result {
  const [options, handle] = rest.length === 2 ? rest : [undefined, rest[0]];
  const settings = getState()?.messaging ?? MESSAGING_DEFAULTS;
  const { mode } = options ?? {};
  return processMessage(
    trace.getTracer("redtrail/messaging", VERSION),
    mode === undefined ? settings : { ...settings, mode, modes: {} },
    { ...describe(message, options ?? {}), links: linkTo(contextApi.active()) },
    handle,
  );
}

function describe(message: GivenMessage, { system, destination, batchSize, attributes }: MessageOptions): Message {
  const found = findMessage(message);
  return {
    ...found,
    system: asText(system ?? found.system),
    destination: asText(destination ?? found.destination),
    attributes: { ...found.attributes, ...attributes },
    ...(batchSize === undefined ? {} : { batchSize }),
  };
}

/** JavaScript may give anything. */
function asText(given: unknown): string {
  return typeof given === "string" ? given : String(given ?? "unknown");
}
