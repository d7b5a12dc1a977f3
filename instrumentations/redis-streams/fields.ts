// The entry of a Redis stream is a list of fields, and has no headers beside them: what a request says becomes more fields.
// XADD orders MAXLEN ~ 1000 * item 7 traceparent 00-... x-request-id ... x-sent-at 1795600000000
import type { MessageHeaders } from "../../src/messaging/headers.ts";

const REQUEST_ID = "x-request-id";

/**
 * The fields to add behind `args`. An entry that has one of them already is the app's own affair (it carries the context itself, or is
 * passed on as it was), and gets none; a request id of its own stays, and the rest is added.
 */
export function fieldsFor(args: readonly unknown[], headers: MessageHeaders): string[] {
  const own = new Set(args.map(textOf));
  const names = Object.keys(headers);
  if (names.some((name) => name !== REQUEST_ID && own.has(name))) return [];
  return names.flatMap((name) => (own.has(name) ? [] : [name, String(headers[name])]));
}

/** Keys and fields may be bytes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
}
