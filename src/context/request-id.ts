// Where the request id lives: under a key of its own in the OpenTelemetry context, not in baggage, so that it goes nowhere
// that redtrail does not send it.
import {
  type Context,
  type ContextAPI,
  type Span,
  context as contextApi,
  createContextKey,
  isValidTraceId,
} from "@opentelemetry/api";

const REQUEST_ID = createContextKey("redtrail.request-id");

export function getRequestId(context: Context): string | undefined {
  return context.getValue(REQUEST_ID) as string | undefined;
}

export function setRequestId(context: Context, id: string): Context {
  return context.setValue(REQUEST_ID, id);
}

/**
 * The id of the request that the calling code works for; undefined outside of a request.
 * Works across `await`, timers and callbacks, and in code that a queue consumer runs.
 */
export function requestId(api: ContextAPI = contextApi): string | undefined {
  return getRequestId(api.active());
}

/**
 * The context with the trace id of `span` as request id, when it has none yet. This is how the format `traceid` works:
 * the propagator cannot know the id of a trace that has not begun, so whoever starts the entry span calls this.
 */
export function requestIdFromTrace(context: Context, span: Span): Context {
  const { traceId } = span.spanContext();
  return isValidTraceId(traceId) ? setRequestId(context, traceId) : context;
}
