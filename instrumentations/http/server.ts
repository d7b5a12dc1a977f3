// SERVER spans for node:http and node:https, on diagnostics channels: nothing of the app is wrapped on the ordinary path.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  type SpanOptions,
  context as contextApi,
  trace,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { getRequestId, requestIdFromTrace } from "../../src/context/request-id.ts";
import { OWN_SERVER } from "../../src/exporters/prometheus/server.ts";
import { ATTR } from "../../src/semconv.ts";
import { type SharedTraces, continueFound, linkWhenFound, wantedId } from "../../src/trace-store/shared-traces.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { bindEmitter } from "./bind-emitter.ts";
import { createExtract } from "./extract.ts";
import { createHeaderCapture, incomingHeader, outgoingHeader } from "./headers.ts";
import { createRequestHold } from "./hold.ts";
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
  const { sharedTraces } = host;
  const extract = createExtract(host);
  const begin = createBegin(host);
  const addHeaders = createResponseHeaders(host);
  const requestIdHeader = host.requestId.headers[0] as string;
  const hold = sharedTraces?.mode === "join" ? createRequestHold(sharedTraces) : undefined;

  /** The id by which the request's trace is to be looked for in shared storage; hardly any request has one. */
  const wantedBy = (parent: Context): string | undefined =>
    sharedTraces === undefined ? undefined : wantedId(sharedTraces, parent);

  /** The span goes on whatever is found, and is linked to it. The question is sent before the span is written, or it would find itself. */
  function beginLinked(request: IncomingMessage, socket: Socket, parent: Context, arrivedAt?: number): ServerRequest {
    const wanted = wantedBy(parent);
    if (wanted !== undefined) {
      linkWhenFound(sharedTraces as SharedTraces, wanted, () => trace.getSpan(state.context));
    }
    const state = begin(request, socket, parent, arrivedAt);
    return state;
  }

  function attach({ request, response, socket }: ServerMessage, state: ServerRequest): Context {
    state.attachTo(request, response, socket);
    // The app, its log library and the trace now speak of the same id.
    if (state.requestId !== undefined) request.headers[requestIdHeader] = state.requestId;
    if (!response.headersSent) addHeaders?.(response, state);
    // From Node 24 on a body's events come in the connection's context, where the request is not known.
    if (hasBody(request)) bindEmitter(request, state.context);
    return state.context;
  }

  /** Returns whether the request is to be held, until its trace or the request before it is found. */
  function holdBack(message: ServerMessage, parent: Context): boolean {
    const { request, socket } = message;
    const wanted = wantedBy(parent);
    const shared = sharedTraces as SharedTraces;
    const isAsked = wanted !== undefined && isForApp(request) && shared.store.isPrompt(shared.budgetMs);
    if (hold === undefined || (!isAsked && !hold.isQueued(socket))) return false;
    const arrivedAt = performance.now();
    hold.expect(request, {
      requestId: isAsked ? wanted : undefined,
      begin(stored) {
        const joined = stored === undefined ? parent : continueFound(shared, parent, stored);
        const beginAsked = isAsked ? begin : beginLinked;
        return attach(message, beginAsked(request, socket, joined, arrivedAt));
      },
    });
    return true;
  }

  observe<ServerMessage>("http.server.request.start", (message) => {
    const { request, socket, server } = message;
    if (server[OWN_SERVER] === true) {
      contextApi.attach(OUR_OWN_REQUEST);
      return;
    }
    const parent = extract(request.headers, socket);
    if (hold !== undefined && holdBack(message, parent)) return;
    contextApi.attach(attach(message, beginLinked(request, socket, parent)));
  });

  observe<ServerMessage>("http.server.response.finish", ({ request }) => {
    hold?.forget(request);
    serverRequestOf(request)?.finish();
  });

  instrumentUpgrades((request, socket) => beginLinked(request, socket, extract(request.headers, socket)));
}

export type BeginServerRequest = (request: IncomingMessage, socket: Socket) => ServerRequest;

/** Starts the SERVER span of a request, with its remote parent and its request id. */
function createBegin(
  host: InstrumentationHost,
): (request: IncomingMessage, socket: Socket, parent: Context, arrivedAt?: number) => ServerRequest {
  const { tracer, requestIdIsTraceId, requestLog } = host;
  const { server } = host.capturedHeaders;
  const captureRequest = createHeaderCapture(
    "request",
    [...new Set([...server.request, ...host.samplingHeaders])],
    incomingHeader,
  );
  const captureResponse = createHeaderCapture("response", server.response, outgoingHeader);
  return (request, socket, parent, arrivedAt) => {
    const attributes = startAttributes(request, socket);
    // Before the span, so that samplers see them.
    if (captureRequest !== undefined) Object.assign(attributes, captureRequest(request));
    const method = attributes[ATTR.requestMethod] as string;
    const options: SpanOptions = { kind: SpanKind.SERVER, attributes };
    if (arrivedAt !== undefined) options.startTime = arrivedAt;
    const span = tracer.startSpan(methodInName(method), options, parent);
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
            startedAt: arrivedAt ?? performance.now(),
          });
    return new ServerRequest(span, context, methodInName(method), requestId, onEnd, captureResponse, arrivedAt);
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

/** Node itself answers a request without a host, and one that expects what nobody knows. */
function isForApp({ headers: { host, expect } }: IncomingMessage): boolean {
  return host !== undefined && (expect === undefined || /^100-continue$/i.test(expect));
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
