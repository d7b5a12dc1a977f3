// Whether our headers would make a message larger than its broker takes.
import type { MessageHeaders } from "./message.ts";
import { sharedMessaging } from "./shared.ts";

/**
 * Whether something that a broker with one of these limits takes would be refused for our headers: `bare` bytes or more without them, `full`
 * or less with them. What is larger than a limit anyway is not our doing, and the broker that takes it has another.
 */
export function wouldCross(limits: readonly number[], bare: number, full: number): boolean {
  return limits.some((limit) => bare <= limit && full > limit);
}

/** The same for a call of so many messages; counts those that go without our headers for it. */
export function isRefused(limits: readonly number[], bare: number, full: number, messages: number): boolean {
  if (!wouldCross(limits, bare, full)) return false;
  sharedMessaging.counts.bareMessages += messages;
  return true;
}

/** Bytes of a text, of bytes, or of a number as text; 0 of anything else. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  return typeof value === "number" || typeof value === "boolean" ? String(value).length : 0;
}

/** Bytes of headers that are sent as texts or bytes, one for each value of a list; each takes `overhead` bytes beside name and value. */
export function headersSize(headers: MessageHeaders, overhead: number): number {
  let size = 0;
  for (const name in headers) {
    const value = headers[name];
    const nameSize = Buffer.byteLength(name) + overhead;
    if (Array.isArray(value)) for (const one of value) size += nameSize + sizeOf(one);
    else size += nameSize + sizeOf(value);
  }
  return size;
}
