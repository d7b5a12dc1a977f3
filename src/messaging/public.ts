// For queues that redtrail has no instrumentation for: the public helpers.
import { type Attributes, type ContextAPI, context as contextApi, trace } from "@opentelemetry/api";
import type { MessagingConfig, MessagingMode } from "../config/config.ts";
import { getState } from "../state.ts";
import { VERSION } from "../version.ts";
import { type MessageHeaders, injectHeaders } from "./headers.ts";
import { processMessage } from "./spans.ts";

export const MESSAGING_DEFAULTS: MessagingConfig = { mode: "auto", modes: {}, linkAfterMs: 60_000 };

export interface MessageOptions {
  /** `messaging.system`: `rabbitmq`, `kafka`, or a name of your own. */
  readonly system: string;
  /** The queue, topic or subject. */
  readonly destination: string;
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
 * Runs `handle` for a message: in a CONSUMER span, in the request (and, by its mode, the trace) of the sender. Values of headers may
 * be texts or bytes. What `handle` returns or throws goes to the caller; a promise keeps the span open until it settles.
 */
export function withMessage<Result>(
  headers: MessageHeaders | undefined,
  options: MessageOptions,
  handle: () => Result,
): Result {
  const settings = getState()?.messaging ?? MESSAGING_DEFAULTS;
  const { mode, ...message } = options;
  return processMessage(
    trace.getTracer("redtrail/messaging", VERSION),
    mode === undefined ? settings : { ...settings, mode, modes: {} },
    { ...message, headers: headers ?? {} },
    handle,
  );
}
