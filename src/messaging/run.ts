// Runs what a span is about, and ends the span with it.
import { type Context, type Span, SpanStatusCode, context as contextApi } from "@opentelemetry/api";
import { ATTR } from "../semconv.ts";

/**
 * What `run` throws, or its promise is rejected with, goes on to the app; the span tells of it. A promise that never settles keeps its
 * span open, and is all that holds it: both go when the app lets go of the promise (the span is then never reported).
 */
export function runToEnd<Result>(span: Span, context: Context, run: () => Result): Result {
  let result: Result;
  try {
    result = contextApi.with(context, run);
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!isPromise(result)) {
    span.end();
    return result;
  }
  // What the caller gets is what follows from the app's promise, so that a rejection that nobody handles stays one.
  return result.then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  ) as Result;
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === "object" && typeof (value as { then?: unknown }).then === "function";
}

/** Ends the span as an error. Kafka's own errors have their name in `type` (`MESSAGE_TOO_LARGE`), their number in `code`. */
export function fail(span: Span, error: unknown): void {
  const { name, code, type, message } = (error ?? {}) as Record<string, unknown>;
  const kind = [code, name === "KafkaJSProtocolError" ? type : undefined, name].find((one) => typeof one === "string");
  span.setAttribute(ATTR.errorType, kind ?? "_OTHER");
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(typeof message === "string" ? { message } : {}),
  });
  span.end();
}
