// What is known of a message that an app has been given, for the time when it processes it by `withMessage`.
import { type Context, createContextKey } from "@opentelemetry/api";
import type { Message } from "./message.ts";
import { sharedMessaging } from "./shared.ts";

export type Received = Omit<Message, "batchSize">;

/** Of a message of the batch that is being processed; undefined of any other object. */
export type DescribeMessage = (message: object) => Received | undefined;

const DESCRIBE = createContextKey("redtrail.describe-message");

/** For the few messages that a pull brings: an entry lives as long as the message object. */
export function rememberReceived(message: object, received: Received): void {
  sharedMessaging.received.set(message, received);
}

/** For batches of thousands: nothing is done for a message before somebody asks (an entry for each would cost 1.5 us, 2026-11). */
export function describeIn(context: Context, describe: DescribeMessage): Context {
  return context.setValue(DESCRIBE, describe);
}

export function receivedAs(message: object, context: Context): Received | undefined {
  const describe = context.getValue(DESCRIBE) as DescribeMessage | undefined;
  return (sharedMessaging.received.get(message) as Received | undefined) ?? describe?.(message);
}
