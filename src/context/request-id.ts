// Where the request id lives: under a key of its own in the OpenTelemetry context, not in baggage, so that it goes nowhere
// that redtrail does not send it.
import { type Context, type Span, context as contextApi, createContextKey, isValidTraceId } from "@opentelemetry/api";

const REQUEST_ID = createContextKey("redtrail.request-id");

export function getRequestId(context: Context): string | undefined {
  return context.getValue(REQUEST_ID) as string | undefined;
}

export function setRequestId(context: Context, id: string): Context {
  return context.setValue(REQUEST_ID, id);
}

const ORIGIN = createContextKey("redtrail.request-id.origin");

/**
 * How the context has come to its request id: `given` by a caller whom we may believe, and who may have a trace of that name in shared
 * storage; `found`: the trace was there, and is the context's.
 */
export type RequestIdOrigin = "given" | "found";

/** Undefined for an id that was made here, and where there is no shared storage. */
export function requestIdOrigin(context: Context): RequestIdOrigin | undefined {
  return context.getValue(ORIGIN) as RequestIdOrigin | undefined;
}

export function setRequestIdOrigin(context: Context, origin: RequestIdOrigin | undefined): Context {
  return context.setValue(ORIGIN, origin);
}

/**
 * The id of the request that the calling code works for; undefined outside of a request.
 * Works across `await`, timers and callbacks, and in code that a queue consumer runs.
 */
export function requestId(): string | undefined {
  return getRequestId(contextApi.active());
}

/**
 * The context with the trace id of `span` as request id, when it has none yet. This is how the format `traceid` works:
 * the propagator cannot know the id of a trace that has not begun, so whoever starts the entry span calls this.
 */
export function requestIdFromTrace(context: Context, span: Span): Context {
  const { traceId } = span.spanContext();
  return isValidTraceId(traceId) ? setRequestId(context, traceId) : context;
}
