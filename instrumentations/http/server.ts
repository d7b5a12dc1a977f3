// SERVER spans for node:http and node:https, on diagnostics channels: nothing of the app is wrapped on the ordinary path.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Attributes, ROOT_CONTEXT, SpanKind, context as contextApi, trace } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { getRequestId, requestIdFromTrace } from "../../src/context/request-id.ts";
import { OWN_SERVER } from "../../src/exporters/prometheus/server.ts";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { bindEmitter } from "./bind-emitter.ts";
import { createExtract } from "./extract.ts";
import { createHeaderCapture, incomingHeader, outgoingHeader } from "./headers.ts";
import { parseAuthority } from "./host.ts";
import { knownMethod, methodInName } from "./method.ts";
import { recordAtEnd } from "./request-record.ts";
import { createResponseHeaders } from "./response-headers.ts";
import { ServerRequest, serverRequestOf } from "./server-request.ts";
import { instrumentUpgrades } from "./upgrade.ts";

interface ServerMessage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly server: Server & { readonly [OWN_SERVER]?: true };
}

const OUR_OWN_REQUEST = suppressTracing(ROOT_CONTEXT);

export function instrumentHttpServer(host: InstrumentationHost): void {
  const begin = createBegin(host);
  const addHeaders = createResponseHeaders(host);
  const requestIdHeader = host.requestId.headers[0] as string;

  observe<ServerMessage>("http.server.request.start", ({ request, response, socket, server }) => {
    if (server[OWN_SERVER] === true) {
      contextApi.attach(OUR_OWN_REQUEST);
      return;
    }
    const state = begin(request, socket);
    state.attachTo(request, response, socket);
    // The app, its log library and the trace now speak of the same id.
    if (state.requestId !== undefined) request.headers[requestIdHeader] = state.requestId;
    addHeaders?.(response, state);
    // From Node 24 on a body's events come in the connection's context, where the request is not known.
    if (hasBody(request)) bindEmitter(request, state.context);
    contextApi.attach(state.context);
  });

  observe<ServerMessage>("http.server.response.finish", ({ request }) => serverRequestOf(request)?.finish());

  instrumentUpgrades(begin);
}

export type BeginServerRequest = (request: IncomingMessage, socket: Socket) => ServerRequest;

/** Starts the SERVER span of a request, with its remote parent and its request id. */
function createBegin(host: InstrumentationHost): BeginServerRequest {
  const { tracer, requestIdIsTraceId, requestLog } = host;
  const { server } = host.capturedHeaders;
  const extract = createExtract(host);
  const captureRequest = createHeaderCapture(
    "request",
    [...new Set([...server.request, ...host.samplingHeaders])],
    incomingHeader,
  );
  const captureResponse = createHeaderCapture("response", server.response, outgoingHeader);
  return (request, socket) => {
    const parent = extract(request.headers, socket);
    const attributes = startAttributes(request, socket);
    // Before the span, so that samplers see them.
    if (captureRequest !== undefined) Object.assign(attributes, captureRequest(request));
    const method = attributes[ATTR.requestMethod] as string;
    const span = tracer.startSpan(methodInName(method), { kind: SpanKind.SERVER, attributes }, parent);
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
            method: request.method ?? method,
            attributes,
            requestId,
            spanContext: span.spanContext(),
            context,
          });
    return new ServerRequest(span, context, methodInName(method), requestId, onEnd, captureResponse);
  };
}

function startAttributes(request: IncomingMessage, socket: Socket & { encrypted?: boolean }): Attributes {
  const { headers, url = "/" } = request;
  const method = request.method ?? "GET";
  const scheme = socket.encrypted === true ? "https" : "http";
  const attributes: Attributes = {
    [ATTR.requestMethod]: knownMethod(method),
    [ATTR.urlScheme]: scheme,
    [ATTR.networkProtocolVersion]: request.httpVersion,
  };
  if (attributes[ATTR.requestMethod] !== method) attributes[ATTR.requestMethodOriginal] = method;
  setTarget(attributes, url);
  if (headers.host !== undefined) {
    const { host, port } = parseAuthority(headers.host);
    attributes[ATTR.serverAddress] = host;
    attributes[ATTR.serverPort] = port ?? (scheme === "https" ? 443 : 80);
  }
  const { remoteAddress } = socket;
  if (remoteAddress !== undefined) {
    attributes[ATTR.clientAddress] = remoteAddress;
    attributes[ATTR.networkPeerAddress] = remoteAddress;
    attributes[ATTR.networkPeerPort] = socket.remotePort;
  }
  if (headers["user-agent"] !== undefined) attributes[ATTR.userAgent] = headers["user-agent"];
  return attributes;
}

/** Path and query of the request target: `/a?b`, the absolute form of proxies, or `*` (RFC 9112, 3.2). */
function setTarget(attributes: Attributes, target: string): void {
  let path = target;
  if (!target.startsWith("/") && target.includes("://")) {
    const slash = target.indexOf("/", target.indexOf("://") + 3);
    path = slash < 0 ? "/" : target.slice(slash);
  }
  const question = path.indexOf("?");
  attributes[ATTR.urlPath] = question < 0 ? path : path.slice(0, question);
  if (question >= 0) attributes[ATTR.urlQuery] = path.slice(question + 1);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
