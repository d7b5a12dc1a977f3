// SERVER spans for node:http and node:https, on diagnostics channels: nothing of the app is wrapped on the ordinary path.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ROOT_CONTEXT, context as contextApi } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { OWN_SERVER } from "../../src/exporters/prometheus/server.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { createBegin } from "./begin.ts";
import { bindEmitter } from "./bind-emitter.ts";
import { createExchanges } from "./exchange.ts";
import { createHeaderCapture, outgoingHeader } from "./headers.ts";
import { createResponseHeaders } from "./response-headers.ts";
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
  const beginRequest = createBegin(host);
  const exchanges = createExchanges(
    createHeaderCapture("response", host.capturedHeaders.server.response, outgoingHeader),
  );
  const addHeaders = createResponseHeaders(host);

  const begin: BeginHttp1Request = (request, socket: Socket & { readonly encrypted?: boolean }) => {
    const { headers } = request;
    const line = {
      method: request.method ?? "GET",
      scheme: socket.encrypted === true ? "https" : "http",
      target: request.url ?? "/",
      authority: headers.host,
      protocolVersion: request.httpVersion,
    } as const;
    return beginRequest(line, headers, socket);
  };

  observe<ServerMessage>("http.server.request.start", ({ request, response, socket, server }) => {
    if (server[OWN_SERVER] === true) {
      contextApi.attach(OUR_OWN_REQUEST);
      return;
    }
    const state = begin(request, socket);
    exchanges.begin(state, request, response, socket);
    addHeaders?.(response, state);
    // From Node 24 on a body's events come in the connection's context, where the request is not known.
    if (hasBody(request)) bindEmitter(request, state.context);
    contextApi.attach(state.context);
  });

  observe<ServerMessage>("http.server.response.finish", ({ request, response, socket }) =>
    exchanges.finish(request, response, socket),
  );

  instrumentUpgrades(begin);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
