// SERVER spans for node:http and node:https, on diagnostics channels: nothing of the app is wrapped on the ordinary path.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Context, ROOT_CONTEXT, context as contextApi } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { OWN_SERVER } from "../../src/exporters/prometheus/server.ts";
import { continueFound } from "../../src/trace-store/shared-traces.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { createServerBeginning } from "./begin.ts";
import { bindEmitter } from "./bind-emitter.ts";
import { createExchanges } from "./exchange.ts";
import { createHeaderCapture, outgoingHeader } from "./headers.ts";
import { createRequestHold } from "./hold.ts";
import { createResponseHeaders } from "./response-headers.ts";
import type { RequestLine } from "./server-attributes.ts";
import type { ServerRequest } from "./server-request.ts";
import { instrumentUpgrades } from "./upgrade.ts";

interface ServerMessage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly server: Server & { readonly [OWN_SERVER]?: true };
}

export type BeginHttp1Request = (request: IncomingMessage, socket: Socket) => ServerRequest;

const OUR_OWN_REQUEST = suppressTracing(ROOT_CONTEXT);

export function instrumentHttpServer(host: InstrumentationHost): void {
  const { extract, begin, beginLinked, wantedId } = createServerBeginning(host);
  const exchanges = createExchanges(
    createHeaderCapture("response", host.capturedHeaders.server.response, outgoingHeader),
  );
  const addHeaders = createResponseHeaders(host);
  const shared = host.sharedTraces?.mode === "join" ? host.sharedTraces : undefined;
  const hold = shared === undefined ? undefined : createRequestHold(shared, (socket) => exchanges.abort(socket));

  function attach({ request, response, socket }: ServerMessage, state: ServerRequest): Context {
    exchanges.begin(state, request, response, socket);
    if (!response.headersSent) addHeaders?.(response, state);
    // From Node 24 on a body's events come in the connection's context, where the request is not known.
    if (hasBody(request)) bindEmitter(request, state.context);
    return state.context;
  }

  /** Returns whether the request is to be held, until its trace or the request before it is found. */
  function holdBack(message: ServerMessage, parent: Context): boolean {
    if (shared === undefined || hold === undefined) return false;
    const { request, socket } = message;
    const wanted = wantedId(parent);
    const isAsked = wanted !== undefined && isForApp(request) && shared.store.isPrompt(shared.budgetMs);
    if (!isAsked && !hold.isQueued(socket)) return false;
    const arrivedAt = performance.now();
    hold.expect(request, {
      requestId: isAsked ? wanted : undefined,
      begin(stored) {
        const joined = stored === undefined ? parent : continueFound(shared, parent, stored);
        const beginAsked = isAsked ? begin : beginLinked;
        return attach(message, beginAsked(lineOf(request, socket), request.headers, socket, joined, arrivedAt));
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
    if (holdBack(message, parent)) return;
    contextApi.attach(attach(message, beginLinked(lineOf(request, socket), request.headers, socket, parent)));
  });

  observe<ServerMessage>("http.server.response.finish", ({ request, response, socket }) => {
    hold?.forget(request);
    exchanges.finish(request, response, socket);
  });

  instrumentUpgrades((request, socket) =>
    beginLinked(lineOf(request, socket), request.headers, socket, extract(request.headers, socket)),
  );
}

function lineOf(request: IncomingMessage, socket: Socket & { readonly encrypted?: boolean }): RequestLine {
  return {
    method: request.method ?? "GET",
    scheme: socket.encrypted === true ? "https" : "http",
    target: request.url ?? "/",
    authority: request.headers.host,
    protocolVersion: request.httpVersion,
  };
}

/** Node itself answers a request without a host, and one that expects what nobody knows. */
function isForApp({ headers: { host, expect } }: IncomingMessage): boolean {
  return host !== undefined && (expect === undefined || /^100-continue$/i.test(expect));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
