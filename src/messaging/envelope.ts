// For queues whose messages are one value and nothing beside it (lists and channels of Redis): the headers are put in front of the value.
// redtrail/1 {"traceparent":"00-...","x-request-id":"...","x-sent-at":"1795600000000"}\n<the value as it was>
import { type ContextAPI, context as contextApi } from "@opentelemetry/api";
import { type MessageHeaders, injectHeaders } from "./headers.ts";

const PREFIX = "redtrail/1 ";
/** Headers that are longer are not ours, and not searched for their end. */
const MAX_HEADERS = 65_536;

export interface Unwrapped {
  /** Empty where the value had no envelope. */
  readonly headers: MessageHeaders;
  /** As it was given to `wrapMessage`. */
  readonly payload: string;
}

/**
 * Puts the context of the calling code in front of a text that is about to be sent. Whoever reads it has to call `unwrapMessage`: a
 * consumer that does not gets the text with a line more, and one that compares values (LREM, LPOS) compares it with that line.
 */
export function wrapMessage(payload: string, api: ContextAPI = contextApi): string {
  const headers: MessageHeaders = {};
  injectHeaders(api.active(), headers);
  return `${PREFIX}${JSON.stringify(headers)}\n${payload}`;
}

/** Takes apart what `wrapMessage` has made; a text without an envelope, or with one that cannot be read, is the payload as it is. */
export function unwrapMessage(text: string): Unwrapped {
  if (!text.startsWith(PREFIX)) return { headers: {}, payload: text };
  const end = text.slice(0, MAX_HEADERS).indexOf("\n");
  const headers = end === -1 ? undefined : parse(text.slice(PREFIX.length, end));
  return headers === undefined ? { headers: {}, payload: text } : { headers, payload: text.slice(end + 1) };
}

function parse(json: string): MessageHeaders | undefined {
  try {
    const headers: unknown = JSON.parse(json);
    return headers !== null && typeof headers === "object" && !Array.isArray(headers)
      ? (headers as MessageHeaders)
      : undefined;
  } catch {
    return undefined;
  }
}
