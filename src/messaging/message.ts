// What redtrail has to know of a message that is sent or processed.
import type { Attributes, Link } from "@opentelemetry/api";

/** Values as brokers have them: texts, bytes, lists of those. */
export type MessageHeaders = Record<string, unknown>;

export function isHeaders(value: unknown): value is MessageHeaders {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Of an object as JSON; undefined for what cannot be read, and for what is none. */
export function parseHeaders(json: string): MessageHeaders | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    return isHeaders(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export interface Message {
  /** As the conventions name it: `rabbitmq`, `kafka`, `nats`. */
  readonly system: string;
  /** The queue, topic or subject. */
  readonly destination: string;
  readonly headers: MessageHeaders;
  readonly attributes?: Attributes;
  /** Messages that are processed together with this one. @default 1 */
  readonly batchSize?: number;
  /** Epoch milliseconds at which the broker has it that the message was sent, for messages that do not tell themselves. */
  readonly sentAtMs?: number | undefined;
  /** Spans that the processing belongs to besides the sender's. */
  readonly links?: readonly Link[];
  /** Bytes of headers that a sent message gets at most. @default MAX_ADDED_BYTES */
  readonly maxHeaderBytes?: number;
}

export function identityOf(system: string, destination: string, operation: string, type: string): Attributes {
  return {
    "messaging.system": system,
    "messaging.destination.name": destination,
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
  };
}
