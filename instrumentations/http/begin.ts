// The beginning of a request on a server, over whatever version of HTTP: whose trace and id it is of, and its SERVER span.
import type { IncomingHttpHeaders } from "node:http";
import { type Context, SpanKind, type SpanOptions, trace } from "@opentelemetry/api";
import { getRequestId, requestIdFromTrace } from "../../src/context/request-id.ts";
import { ATTR } from "../../src/semconv.ts";
import { type SharedTraces, linkWhenFound, wantedId } from "../../src/trace-store/shared-traces.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type Connection, type Extract, createExtract } from "./extract.ts";
import { createHeaderCapture } from "./headers.ts";
import { methodInName } from "./method.ts";
import { recordAtEnd } from "./request-record.ts";
import { type RequestLine, serverAttributes } from "./server-attributes.ts";
import { ServerRequest } from "./server-request.ts";

/** `arrivedAt`: when the request came, by performance.now(); left out when that is now. */
export type BeginServerRequest = (
  line: RequestLine,
  headers: IncomingHttpHeaders,
  connection: Connection,
  parent: Context,
  arrivedAt?: number,
) => ServerRequest;

export interface ServerBeginning {
  /** The parent of a request, and its id. */
  readonly extract: Extract;
  /** Starts the SERVER span of a request with its request id, which the app then finds in `headers` too. */
  readonly begin: BeginServerRequest;
  /** The same; a trace of the request that is found in shared storage is linked to. */
  readonly beginLinked: BeginServerRequest;
  /** The id by which the request's trace is to be looked for in shared storage; hardly any request has one. */
  readonly wantedId: (parent: Context) => string | undefined;
}

export function createServerBeginning(host: InstrumentationHost): ServerBeginning {
  const { sharedTraces } = host;
  const begin = createBegin(host);
  const extract = createExtract(host);
  if (sharedTraces === undefined) return { extract, begin, beginLinked: begin, wantedId: () => undefined };
  return {
    extract,
    begin,
    beginLinked: createBeginLinked(begin, sharedTraces),
    wantedId: (parent) => wantedId(sharedTraces, parent),
  };
}

/** The question is sent before the span is written, or it would find itself. */
function createBeginLinked(begin: BeginServerRequest, shared: SharedTraces): BeginServerRequest {
  return (line, headers, connection, parent, arrivedAt) => {
    const wanted = wantedId(shared, parent);
    let state: ServerRequest | undefined;
    if (wanted !== undefined) {
      linkWhenFound(shared, wanted, () => (state === undefined ? undefined : trace.getSpan(state.context)));
    }
    state = begin(line, headers, connection, parent, arrivedAt);
    return state;
  };
}

function createBegin(host: InstrumentationHost): BeginServerRequest {
  const { tracer, requestIdIsTraceId, requestLog } = host;
  const requestIdHeader = host.requestId.headers[0] as string;
  const captureRequest = createHeaderCapture<IncomingHttpHeaders>(
    "request",
    [...new Set([...host.capturedHeaders.server.request, ...host.samplingHeaders])],
    (headers, name) => headers[name],
  );
  return (line, headers, connection, parent, arrivedAt) => {
    const attributes = serverAttributes(line, headers, connection);
    // Before the span, so that samplers see them.
    if (captureRequest !== undefined) Object.assign(attributes, captureRequest(headers));
    const name = methodInName(attributes[ATTR.requestMethod] as string);
    const options: SpanOptions = { kind: SpanKind.SERVER, attributes };
    if (arrivedAt !== undefined) options.startTime = arrivedAt;
    const span = tracer.startSpan(name, options, parent);
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
            startedAt: arrivedAt ?? performance.now(),
          });
    // The app, its log library and the trace now speak of the same id.
    if (requestId !== undefined) headers[requestIdHeader] = requestId;
    return new ServerRequest(span, context, name, requestId, onEnd, arrivedAt);
  };
}
