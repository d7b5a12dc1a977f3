// For queues whose messages are one value and nothing beside it (lists and channels of Redis): the headers are put in front of the value.
// redtrail/1 {"traceparent":"00-...","x-request-id":"...","x-sent-at":"1795600000000"}\n<the value as it was>
import { context as contextApi } from "@opentelemetry/api";
import { decode, injectHeaders } from "./headers.ts";
import { type MessageHeaders, parseHeaders } from "./message.ts";

const PREFIX = "redtrail/1 ";
/** Headers that are longer are not ours, and not searched for their end. */
const MAX_HEADERS = 65_536;

const NEW_LINE = 10;

export interface Unwrapped<Payload = string> {
  /** Empty where the value had no envelope. */
  readonly headers: MessageHeaders;
  /** As it was given to `wrapMessage`; what is neither text nor bytes comes back as it is: the `null` of an empty queue. */
  readonly payload: Payload;
}

/**
 * Puts the context of the calling code in front of a text, or bytes, that is about to be sent. Whoever reads it has to call `unwrapMessage`: a
 * consumer that does not gets the text with a line more, and one that compares values (LREM, LPOS) compares it with that line.
 */
export function wrapMessage<Payload extends string | Uint8Array>(
  payload: Payload,
): Payload extends string ? string : Buffer;
export function wrapMessage(payload: string | Uint8Array): string | Buffer {
  const headers: MessageHeaders = {};
  injectHeaders(contextApi.active(), headers);
  const line = `${PREFIX}${JSON.stringify(headers)}\n`;
  return payload instanceof Uint8Array ? Buffer.concat([Buffer.from(line), payload]) : line + payload;
}

/** Takes apart what `wrapMessage` has made; a value without an envelope, or with one that cannot be read, is the payload as it is. */
export function unwrapMessage(value: string): Unwrapped;
export function unwrapMessage<Other>(value: string | Other): Unwrapped<string | Other>;
export function unwrapMessage(value: unknown): Unwrapped<unknown> {
  const unwrapped =
    typeof value === "string" ? ofText(value) : value instanceof Uint8Array ? ofBytes(value) : undefined;
  return unwrapped ?? { headers: {}, payload: value };
}

function ofText(text: string): Unwrapped | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const end = text.slice(0, MAX_HEADERS).indexOf("\n");
  const headers = end === -1 ? undefined : parseHeaders(text.slice(PREFIX.length, end));
  return headers && { headers, payload: text.slice(end + 1) };
}

function ofBytes(bytes: Uint8Array): Unwrapped<Uint8Array> | undefined {
  if (decode(bytes.subarray(0, PREFIX.length)) !== PREFIX) return undefined;
  const end = bytes.subarray(0, MAX_HEADERS).indexOf(NEW_LINE);
  const headers = end === -1 ? undefined : parseHeaders(decode(bytes.subarray(PREFIX.length, end)));
  return headers && { headers, payload: bytes.subarray(end + 1) };
}
