// Which spans make a trace worth keeping that was not sampled: those that failed, and requests that took long.
import { SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ATTR, ERROR_TYPE } from "../semconv.ts";

/** Whose failure counts: no one's, the local root's (the request itself), or that of any span of the local trace. */
export type KeepErrors = "none" | "root" | "any";

export function isError({ status }: Pick<ReadableSpan, "status">): boolean {
  return status.code === SpanStatusCode.ERROR;
}

/**
 * Whether a request took longer than that. An event stream lasts as long as somebody listens. So does an answer whose reader went away
 * in the midst of it; but who went away before it had begun was waiting for us.
 */
export function isSlow(
  { duration, attributes }: Pick<ReadableSpan, "duration" | "attributes">,
  limitMs: number,
): boolean {
  if (!(duration[0] * 1e3 + duration[1] / 1e6 > limitMs)) return false;
  if (attributes[ATTR.streaming] === true) return false;
  const errorType = attributes[ATTR.errorType];
  const isLeft = errorType === ERROR_TYPE.clientAborted || errorType === ERROR_TYPE.cancelled;
  return !isLeft || attributes[ATTR.responseStatusCode] === undefined;
}
