// The context of a request in the headers of a message: written by who sends it, read by who processes it.
import { type Context, type TextMapGetter, type TextMapSetter, ROOT_CONTEXT, propagation } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";

/** Epoch milliseconds: when a message was sent. */
export const SENT_AT = "x-sent-at";

/** Values as brokers have them: texts, bytes, lists of those. */
export type MessageHeaders = Record<string, unknown>;

/** A message that is passed on has old headers, which give way; a request id that the app has set itself stays (see its propagator). */
const setter: TextMapSetter<MessageHeaders> = {
  set(headers, key, value) {
    headers[findKey(headers, key) ?? key] = value;
  },
};

const getter: TextMapGetter<MessageHeaders> = {
  get(headers, key) {
    const present = findKey(headers, key);
    const value = present === undefined ? undefined : headers[present];
    return Array.isArray(value) ? value.map(textOf).filter((one) => one !== undefined) : textOf(value);
  },
  keys: (headers) => Object.keys(headers),
};

/** Adds to `headers` what the context has to say; nothing while tracing is suppressed. */
export function injectHeaders(context: Context, headers: MessageHeaders, now: number = Date.now()): void {
  if (isTracingSuppressed(context)) return;
  propagation.inject(context, headers, setter);
  headers[SENT_AT] = String(now);
}

/** What the message was sent in; whatever runs now has no part in it. */
export function extractHeaders(headers: MessageHeaders): Context {
  return propagation.extract(ROOT_CONTEXT, headers, getter);
}

/** Milliseconds that a message has waited, 0 or more (clocks differ); undefined when it does not say. */
export function waitedMs(headers: MessageHeaders, now: number = Date.now()): number | undefined {
  const sentAt = textOf(headers[SENT_AT]);
  if (sentAt === undefined || !/^\d{1,15}$/.test(sentAt)) return undefined;
  return Math.max(0, now - Number(sentAt));
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : undefined;
}

/** The key as the message has it, whatever its case. */
function findKey(headers: MessageHeaders, key: string): string | undefined {
  if (Object.hasOwn(headers, key)) return key;
  return Object.keys(headers).find((one) => one.length === key.length && one.toLowerCase() === key);
}
