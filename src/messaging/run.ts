// Runs what a span is about, and ends the span with it.
import { types } from "node:util";
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

/** Is told of each listener, and what it has returned. */
export type Returned = (listener: unknown, result: unknown) => void;

/**
 * The same for listeners of libraries that drop what they return, where nobody takes a promise that we would make of the app's. The app may
 * hold its own promise, and handle its rejection: what follows from it would be a rejection that nobody handles, and ends the process.
 * Only the promise of an `async` function is nobody else's, and keeps the span open; every other listener is over when it returns.
 */
export function runListeners<Result>(span: Span, context: Context, run: (returned: Returned) => Result): Result {
  let open = 1;
  let failure: { readonly error: unknown } | undefined;
  function end(): void {
    if (--open > 0) return;
    if (failure === undefined) span.end();
    else fail(span, failure.error);
  }
  function returned(listener: unknown, result: unknown): void {
    if (!isPromise(result) || !types.isAsyncFunction(listener)) return;
    open++;
    // Its rejection is unhandled once, as the app's would be.
    void result.then(end, (error: unknown) => {
      failure ??= { error };
      end();
      throw error;
    });
  }
  try {
    return contextApi.with(context, () => run(returned));
  } catch (error) {
    failure ??= { error };
    throw error;
  } finally {
    end();
  }
}

/** For what is over when `done` is called, with an error or without; later calls do nothing. */
export function runUntilDone<Result>(
  span: Span,
  context: Context,
  run: (done: (error?: unknown) => void) => Result,
): Result {
  let isDone = false;
  function done(error?: unknown): void {
    if (isDone) return;
    isDone = true;
    if (error === undefined) span.end();
    else fail(span, error);
  }
  try {
    return contextApi.with(context, () => run(done));
  } catch (error) {
    done(error);
    throw error;
  }
}

/** What only looks like one may be a query that is sent when somebody waits for it: knex, mongoose. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value);
}

/** Ends the span as an error. Kafka's own errors have their name in `type` (`MESSAGE_TOO_LARGE`), their number in `code`. */
export function fail(span: Span, error: unknown): void {
  const { kind = "_OTHER", message } = describe(error);
  span.setAttribute(ATTR.errorType, kind);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
  span.end();
}

function describe(error: unknown): { readonly kind?: string | undefined; readonly message?: string | undefined } {
  try {
    const { name, code, type, message } = (error ?? {}) as Record<string, unknown>;
    const kinds = [code, name === "KafkaJSProtocolError" ? type : undefined, name];
    return { kind: kinds.find(isText), message: isText(message) ? message : undefined };
  } catch {
    // A getter, or a proxy, of the app's.
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
