// One request as the request log tells it: facts, in no schema yet; redacted when request-log.ts hands it to the sinks.
import type { Attributes, Context, SpanContext } from "@opentelemetry/api";

export interface RequestRecord {
  /** When it came: milliseconds since 1970. */
  readonly startTime: number;
  /** Until the response was complete or the connection was gone, in milliseconds. */
  readonly durationMs: number;
  /** As the client wrote it. */
  readonly method: string;
  /** What the SERVER span began with, by the semantic conventions: path, query, peer, user agent. */
  readonly attributes: Attributes;
  readonly requestId: string | undefined;
  readonly spanContext: SpanContext;
  /** With the request's span and id in it. */
  readonly context: Context;
  /** The pattern that matched. */
  readonly route: string | undefined;
  /** Undefined when the connection was gone before there was one. */
  readonly statusCode: number | undefined;
  /** A 5xx status, `client_aborted` or the like; undefined for what went well. */
  readonly errorType: string | undefined;
}

/** Takes each request once, sampled or not. Never throws. */
export type WriteRequest = (record: RequestRecord) => void;
