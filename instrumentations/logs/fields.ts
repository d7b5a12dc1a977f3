// What a log record says of the request that it was written in.
import { type Context, context as contextApi, isSpanContextValid, trace } from "@opentelemetry/api";
import { getRequestId } from "../../src/context/request-id.ts";

/** In the names of the OpenTelemetry specification (compatibility/logging_trace_context.md), and the request log's. */
export interface LogFields {
  request_id?: string;
  trace_id?: string;
  span_id?: string;
}

/** Undefined outside of a request. */
export function logFields(context: Context = contextApi.active()): LogFields | undefined {
  const requestId = getRequestId(context);
  const spanContext = trace.getSpanContext(context);
  const isTraced = spanContext !== undefined && isSpanContextValid(spanContext);
  if (requestId === undefined && !isTraced) return undefined;
  const fields: LogFields = {};
  if (requestId !== undefined) fields.request_id = requestId;
  if (isTraced) {
    fields.trace_id = spanContext.traceId;
    fields.span_id = spanContext.spanId;
  }
  return fields;
}
