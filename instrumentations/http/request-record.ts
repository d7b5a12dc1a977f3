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
}

/** The request begins now. */
export function recordAtEnd(write: WriteRequest, start: RequestStart): (end: RequestEnd) => void {
  const startTime = Date.now();
  const startedAt = performance.now();
  return (end) => write({ ...start, ...end, startTime, durationMs: performance.now() - startedAt });
}
