// What the propagators read from carriers, and how.
import type { TextMapGetter } from "@opentelemetry/api";

/** The first value of a header, without the space around it; undefined when there is none or it is not text. */
export function headerOf(carrier: unknown, getter: TextMapGetter, key: string): string | undefined {
  const value: unknown = getter.get(carrier, key);
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" ? first.trim() : undefined;
}

const HEX = /^[0-9a-f]+$/;
const ZEROS = /^0+$/;

/** An id of `length` hex digits in lower case, a shorter one (`shortest` digits or more) filled up; undefined when it is none. */
export function hexId(text: string | undefined, length: number, shortest: number = length): string | undefined {
  if (text === undefined || text.length < shortest || text.length > length) return undefined;
  const id = text.toLowerCase();
  return HEX.test(id) && !ZEROS.test(id) ? id.padStart(length, "0") : undefined;
}
