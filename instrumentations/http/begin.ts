// The beginning of a request on a server, over whatever version of HTTP: whose trace and id it is of, and its SERVER span.
import type { IncomingHttpHeaders } from "node:http";
import { SpanKind, trace } from "@opentelemetry/api";
import { getRequestId, requestIdFromTrace } from "../../src/context/request-id.ts";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type Connection, createExtract } from "./extract.ts";
import { createHeaderCapture } from "./headers.ts";
import { methodInName } from "./method.ts";
import { recordAtEnd } from "./request-record.ts";
import { type RequestLine, serverAttributes } from "./server-attributes.ts";
import { ServerRequest } from "./server-request.ts";

export type BeginServerRequest = (
  line: RequestLine,
  headers: IncomingHttpHeaders,
  connection: Connection,
) => ServerRequest;

/** Starts the SERVER span of a request, with its remote parent and its request id, which the app then finds in `headers` too. */
export function createBegin(host: InstrumentationHost): BeginServerRequest {
  const { tracer, requestIdIsTraceId, requestLog } = host;
  const requestIdHeader = host.requestId.headers[0] as string;
  const extract = createExtract(host);
  const captureRequest = createHeaderCapture<IncomingHttpHeaders>(
    "request",
    [...new Set([...host.capturedHeaders.server.request, ...host.samplingHeaders])],
    (headers, name) => headers[name],
  );
  return (line, headers, connection) => {
    const parent = extract(headers, connection);
    const attributes = serverAttributes(line, headers, connection);
    // Before the span, so that samplers see them.
    if (captureRequest !== undefined) Object.assign(attributes, captureRequest(headers));
    const name = methodInName(attributes[ATTR.requestMethod] as string);
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    let context = trace.setSpan(parent, span);
    let requestId = getRequestId(context);
    if (requestId === undefined && requestIdIsTraceId) {
      context = requestIdFromTrace(context, span);
      requestId = getRequestId(context);
      if (requestId !== undefined) span.setAttribute(ATTR.requestId, requestId);
    }
    const onEnd =
      requestLog === undefined
        ? undefined
        : recordAtEnd(requestLog, {
            method: line.method,
            attributes,
            requestId,
            spanContext: span.spanContext(),
            context,
          });
    // The app, its log library and the trace now speak of the same id.
    if (requestId !== undefined) headers[requestIdHeader] = requestId;
    return new ServerRequest(span, context, name, requestId, onEnd);
  };
}
