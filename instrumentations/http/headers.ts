// Puts chosen headers on spans, as lists of values; off unless settings name some.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (`http.request.header.<key>`, `http.response.header.<key>`)
import type { IncomingMessage, OutgoingMessage } from "node:http";
import type { Attributes } from "@opentelemetry/api";

/** Characters of a value; what is beyond is cut. */
const MAX_LENGTH = 1_024;
/** Values of one header; further ones are left out. */
const MAX_VALUES = 16;

/** The values of a header by its name in lower case; undefined where the message has none. */
export type ReadHeader<Message> = (message: Message, name: string) => string | readonly string[] | undefined;

/** The attributes of the headers that the message has. */
export type CaptureHeaders<Message> = (message: Message) => Attributes;

/** Undefined without names, so that nobody pays for asking. */
export function createHeaderCapture<Message>(
  kind: "request" | "response",
  names: readonly string[],
  read: ReadHeader<Message>,
): CaptureHeaders<Message> | undefined {
  if (names.length === 0) return undefined;
  const headers = names.map((name) => ({ name, key: `http.${kind}.header.${name}` }));
  return (message) => {
    const attributes: Attributes = {};
    for (const { name, key } of headers) {
      const value = read(message, name);
      if (value === undefined) continue;
      const values = typeof value === "string" ? [value] : value.slice(0, MAX_VALUES);
      attributes[key] = values.map(cut);
    }
    return attributes;
  };
}

function cut(value: string): string {
  return value.length <= MAX_LENGTH ? value : value.slice(0, MAX_LENGTH);
}

/** Node has joined repeated headers, but for `set-cookie`. */
export function incomingHeader({ headers }: IncomingMessage, name: string): string | string[] | undefined {
  return headers[name];
}

type Rendered = OutgoingMessage & { readonly _header?: string | null };

/** Node keeps no header that went straight to `writeHead`, or came as an array; then the header block itself is asked. */
export function outgoingHeader(message: Rendered, name: string): string | string[] | undefined {
  const value = message.getHeader(name);
  if (value !== undefined) return Array.isArray(value) ? value : String(value);
  const block = message._header;
  if (typeof block !== "string") return undefined;
  const lines = block.split("\r\n").slice(1);
  const values = lines.filter((line) => line[name.length] === ":" && line.slice(0, name.length).toLowerCase() === name);
  return values.length === 0 ? undefined : values.map((line) => line.slice(name.length + 1).trim());
}
