// The entry of a Redis stream is a list of fields, and has no headers beside them: what a request says becomes more fields.
// XADD orders MAXLEN ~ 1000 * item 7 traceparent 00-... x-request-id ... x-sent-at 1795600000000
import { isRequestIdHeader } from "../../src/messaging/headers.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";

/** Options that stand alone. */
const FLAGS = new Set(["NOMKSTREAM", "KEEPREF", "DELREF", "ACKED"]);

/**
 * The fields to add behind `args`. An entry that has one of them already is the app's own affair (it carries the context itself, or is
 * passed on as it was), and gets none; a request id of its own stays, and the rest is added. Redis refuses an entry of no fields, or of
 * a field without a value: it gets none either.
 */
export function fieldsFor(args: readonly unknown[], headers: MessageHeaders): string[] {
  const texts = args.map(textOf);
  const fields = args.length - fieldsFrom(texts);
  if (fields < 2 || fields % 2 === 1) return [];
  const own = new Set(texts);
  const names = Object.keys(headers);
  if (names.some((name) => !isRequestIdHeader(name) && own.has(name))) return [];
  return names.flatMap((name) => (own.has(name) ? [] : [name, String(headers[name])]));
}

/** Where the fields begin, behind the id: `orders NOMKSTREAM MAXLEN ~ 1000 LIMIT 10 * item 7`. */
function fieldsFrom(texts: readonly (string | undefined)[]): number {
  const at = (index: number): string => texts[index]?.toUpperCase() ?? "";
  let index = 1;
  for (;;) {
    if (FLAGS.has(at(index))) index++;
    else if (at(index) === "MAXLEN" || at(index) === "MINID") index += /^[=~]$/.test(at(index + 1)) ? 3 : 2;
    else if (at(index) === "LIMIT") index += 2;
    else return index + 1;
  }
}

/** Keys and fields may be bytes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
}
