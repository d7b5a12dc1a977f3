// Whether our headers would make a message larger than its broker takes.
import { sharedMessaging } from "./shared.ts";

/**
 * Whether something that a broker with one of these limits takes would be refused for the bytes that are added. What is larger than a limit
 * anyway is not our doing, and the broker that takes it has another.
 */
export function wouldCross(limits: readonly number[], size: number, added: number): boolean {
  return limits.some((limit) => size <= limit && size + added > limit);
}

/** The same for a call of so many messages; counts those that go without our headers for it. */
export function isRefused(limits: readonly number[], size: number, added: number, messages: number): boolean {
  if (!wouldCross(limits, size, added)) return false;
  sharedMessaging.counts.bareMessages += messages;
  return true;
}

/** Bytes of a text or of bytes; 0 of anything else. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : 0;
}
