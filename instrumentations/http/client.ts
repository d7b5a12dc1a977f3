// CLIENT spans for node:http and node:https, on diagnostics channels.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  type Attributes,
  SpanKind,
  context as contextApi,
  isSpanContextValid,
  propagation,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { hearCallee } from "./callee.ts";
import { ClientCall } from "./client-call.ts";
import { createHeaderCapture, incomingHeader, outgoingHeader } from "./headers.ts";
import { parseAuthority } from "./host.ts";
import { knownMethod, methodInName } from "./method.ts";
import { createRequestHeaders } from "./request-header-setter.ts";
import { createTargetTest } from "../targets.ts";

const CALL: unique symbol = Symbol("redtrail.client-call");
/** Whether it was known at the beginning. */
const HAS_PORT: unique symbol = Symbol("redtrail.has-port");

type Request = ClientRequest & {
  [CALL]?: ClientCall;
  [HAS_PORT]?: boolean;
  readonly socketPath?: string;
  readonly timeout?: number;
};
/** It may have had no socket yet. */
type Destroyable = Pick<ClientRequest, "destroyed"> & { readonly socket: Socket | null };
type Response = IncomingMessage & { [CALL]?: ClientCall };
interface ClientMessage {
  readonly request: Request;
  readonly response: Response;
  readonly error: unknown;
}

export function instrumentHttpClient({
  tracer,
  capturedHeaders: { client },
  requestId,
  propagation: { targets },
}: InstrumentationHost): void {
  const headers = createRequestHeaders(requestId.headers[0] as string);
  const isTarget = createTargetTest(targets);
  const captureRequest = createHeaderCapture("request", client.request, outgoingHeader);
  const captureResponse = createHeaderCapture("response", client.response, incomingHeader);

  observe<ClientMessage>("http.client.request.created", ({ request }) => {
    const parent = contextApi.active();
    if (isTracingSuppressed(parent)) return;
    const attributes = startAttributes(request);
    const name = methodInName(attributes[ATTR.requestMethod] as string);
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
    // A Unix socket leads to this host, and has no name that a list could hold but its path.
    if (isTarget(String(attributes[ATTR.serverAddress]), attributes[ATTR.serverPort] as number | undefined)) {
      if (isSpanContextValid(span.spanContext())) headers.clear(request);
      propagation.inject(trace.setSpan(parent, span), request, headers.setter);
    }
    const call = new ClientCall(span);
    request[CALL] = call;
    request.on("close", endWhenAborted);
    if (request.timeout !== undefined) request.once("timeout", () => call.timedOut());
    // An answer that switches protocols comes on no channel.
    if (request.method === "CONNECT" || request.hasHeader("upgrade")) request.once("close", endWhenSwitched);
  });

  if (captureRequest !== undefined) {
    // Not before: an app sets headers until it ends the request.
    observe<ClientMessage>("http.client.request.start", ({ request }) =>
      request[CALL]?.capture(captureRequest, request),
    );
  }

  observe<ClientMessage>("http.client.response.finish", ({ request, response }) => {
    const call = request[CALL];
    if (call === undefined) return;
    const { socket } = response;
    call.respond(response.statusCode ?? 0, response.httpVersion, socket.remoteAddress, socket.remotePort);
    if (request[HAS_PORT] === false && socket.remotePort !== undefined) {
      call.note(addressAttributes(request, socket.remotePort));
    }
    // Not `headers`, which Node makes of these when somebody asks.
    hearCallee(response.rawHeaders, call);
    call.capture(captureResponse, response);
    response[CALL] = call;
    response.once("close", endWithResponse);
  });

  observe<ClientMessage>("http.client.request.error", ({ request, error }) => {
    const call = request[CALL];
    if (call === undefined) return;
    if (isDestroyedByApp(request, error)) call.cancel(error);
    else call.fail(error);
  });
}

function endWithResponse(this: Response): void {
  const call = this[CALL] as ClientCall;
  if (this.complete) call.end();
  else if (this.errored == null) call.cancel();
  else call.fail(this.errored);
}

/** `abort()` before there is a socket comes out as no error. */
function endWhenAborted(this: Request): void {
  if (this.aborted) this[CALL]?.cancel();
}

function endWhenSwitched(this: Request & { readonly res?: IncomingMessage }): void {
  const call = this[CALL] as ClientCall;
  if (this.res !== undefined) call.respond(this.res.statusCode ?? 0, this.res.httpVersion, undefined, undefined);
  call.end();
}

/**
 * `destroy()` and `abort()` without an error come out as this one. A server that closes has ended the socket before, and one that
 * resets it is a system error.
 */
function isDestroyedByApp({ destroyed, socket }: Destroyable, error: unknown): boolean {
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (!destroyed || code !== "ECONNRESET" || syscall !== undefined || message !== "socket hang up") return false;
  return socket?.readableEnded !== true;
}

function startAttributes(request: Request): Attributes {
  const { method } = request;
  const attributes: Attributes = { [ATTR.requestMethod]: knownMethod(method) };
  if (attributes[ATTR.requestMethod] !== method) attributes[ATTR.requestMethodOriginal] = method;
  if (typeof request.socketPath === "string") {
    attributes[ATTR.serverAddress] = request.socketPath;
    return attributes;
  }
  const port = targetPort(request);
  request[HAS_PORT] = port !== undefined;
  return Object.assign(attributes, addressAttributes(request, port));
}

function addressAttributes({ path, host: target, protocol }: Request, port: number | undefined): Attributes {
  const isDefaultPort = port === undefined || port === (protocol === "https:" ? 443 : 80);
  const authority = (target.includes(":") ? `[${target}]` : target) + (isDefaultPort ? "" : `:${port}`);
  return {
    [ATTR.serverAddress]: target,
    ...(port === undefined ? {} : { [ATTR.serverPort]: port }),
    // Through a proxy the path is the whole URL already.
    [ATTR.urlFull]: path.startsWith("/") ? `${protocol}//${authority}${path}` : path,
  };
}

/**
 * Node does not keep the port on the request, but writes it into the Host header when it is not the protocol's own. A Host that names
 * another host is the app's, or that of whom the app calls for, and says nothing of the port: undefined, until the socket tells.
 */
function targetPort(request: Request): number | undefined {
  const header = outgoingHeader(request, "host");
  if (typeof header !== "string") return undefined;
  const { host, port } = parseAuthority(header);
  if (host !== request.host && host.toLowerCase() !== request.host.toLowerCase()) return undefined;
  return port ?? (request.protocol === "https:" ? 443 : 80);
}
