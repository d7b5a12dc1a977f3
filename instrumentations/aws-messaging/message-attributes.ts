// Headers as message attributes of SQS and SNS, of which a message has ten at most.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
import { SENT_AT } from "../../src/messaging/headers.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { isRefused, sizeOf } from "../../src/messaging/size-limit.ts";

const MAX_ATTRIBUTES = 10;
/** Bytes of a message with its attributes, and of all of a batch: SNS and older queues, and queues since 2025-08. */
const SIZE_LIMITS = [262_144, 1_048_576];
/** What both services take, and some more that headers cannot have. */
const TEXT = /^[\t\x20-\x7e]+$/;

const TRACE = /^(?:traceparent|b3|x-b3-.+|uber-trace-id|x-amzn-trace-id|ot-tracer-.+|x-trace-id|x-span-id)$/;
const BAGGAGE = /^(?:baggage|uberctx-.*|ot-baggage-.*)$/;

/**
 * The attributes of a message: the app's, and as many of ours as there is room for, trace and request id first. `headers` holds the app's
 * as they are, as objects, and ours as texts. The broker knows when it was sent, which costs none.
 */
export function toAttributes(headers: MessageHeaders, requestIdHeaders: readonly string[]): MessageHeaders {
  const all = Object.entries(headers);
  const own = all.filter(([, value]) => typeof value !== "string");
  const ours = all.filter(([name, value]) => typeof value === "string" && name !== SENT_AT && TEXT.test(value));
  const rank = (name: string): number => {
    if (TRACE.test(name)) return 0;
    if (requestIdHeaders.includes(name)) return 1;
    if (name === "tracestate") return 2;
    return BAGGAGE.test(name) ? 4 : 3;
  };
  ours.sort(([one], [other]) => rank(one) - rank(other));
  const fitting = ours.slice(0, Math.max(0, MAX_ATTRIBUTES - own.length));
  return Object.fromEntries([
    ...own,
    ...fitting.map(([name, value]) => [name, { DataType: "String", StringValue: value }] as const),
  ]);
}

/** Whether a call is refused for what `attributes` have more than the app's. */
export function isTooLarge(
  messages: readonly { readonly body: unknown; readonly own: MessageHeaders; readonly attributes: MessageHeaders }[],
): boolean {
  let bare = 0;
  let full = 0;
  for (const { body, own, attributes } of messages) {
    bare += sizeOf(body) + attributesSize(own);
    full += sizeOf(body) + attributesSize(attributes);
  }
  return isRefused(SIZE_LIMITS, bare, full, messages.length);
}

/** Names, types and values count. */
function attributesSize(attributes: MessageHeaders): number {
  let size = 0;
  for (const [name, value] of Object.entries(attributes)) {
    const { DataType, StringValue, BinaryValue } = (value ?? {}) as Record<string, unknown>;
    size += sizeOf(name) + sizeOf(DataType) + sizeOf(StringValue) + sizeOf(BinaryValue);
  }
  return size;
}
