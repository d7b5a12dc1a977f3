// Tells the request log of one request when that has ended.
import type { Attributes, Context, SpanContext } from "@opentelemetry/api";
import type { WriteRequest } from "../../src/request-log/record.ts";
import type { RequestEnd } from "./server-request.ts";

interface RequestStart {
  /** As the client wrote it. */
  readonly method: string;
  readonly attributes: Attributes;
  readonly requestId: string | undefined;
  readonly spanContext: SpanContext;
  readonly context: Context;
  /** When the request came, by performance.now(). */
  readonly startedAt: number;
}

export function recordAtEnd(write: WriteRequest, { startedAt, ...start }: RequestStart): (end: RequestEnd) => void {
  const startTime = Math.round(Date.now() - (performance.now() - startedAt));
  return (end) => write({ ...start, ...end, startTime, durationMs: performance.now() - startedAt });
}
