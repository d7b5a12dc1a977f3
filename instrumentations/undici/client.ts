// CLIENT spans for fetch and undici, on undici's diagnostics channels.
// https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
import type { Socket } from "node:net";
import {
  type Attributes,
  SpanKind,
  type TextMapSetter,
  context as contextApi,
  isSpanContextValid,
  propagation,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { ATTR } from "../../src/semconv.ts";
import { hearCallee } from "../http/callee.ts";
import { ClientCall } from "../http/client-call.ts";
import { createHeaderCapture } from "../http/headers.ts";
import { parseAuthority } from "../http/host.ts";
import { knownMethod, methodInName } from "../http/method.ts";
import { createTraceFields } from "../../src/propagators/trace-fields.ts";
import { createTargetTest } from "../targets.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { observe } from "../observe.ts";
import { observeHttp2Sockets, speaksHttp2 } from "./http2-sockets.ts";

const CALL: unique symbol = Symbol("redtrail.client-call");

/** The parts of undici's internal Request that the channels document. `headers` is `[name, value, ...]`. */
interface UndiciRequest {
  readonly method: string;
  readonly origin: string | URL;
  readonly path: string;
  readonly headers: unknown;
  readonly upgrade?: unknown;
  addHeader(name: string, value: string): unknown;
  [CALL]?: ClientCall;
}
interface UndiciMessage {
  readonly request: UndiciRequest;
  readonly response: { readonly statusCode: number; readonly headers?: unknown };
  readonly socket: Socket;
  readonly error: unknown;
}

export function instrumentUndici({
  tracer,
  capturedHeaders: { client },
  requestId,
  propagation: { targets },
}: InstrumentationHost): void {
  const requestIdHeader = requestId.headers[0] as string;
  const headerSetter = createHeaderSetter(requestIdHeader);
  const traceFields = createTraceFields();
  const isTarget = createTargetTest(targets);
  const captureRequest = createHeaderCapture("request", client.request, headerIn);
  const captureResponse = createHeaderCapture("response", client.response, headerIn);

  observeHttp2Sockets();

  observe<UndiciMessage>("undici:request:create", ({ request }) => {
    const parent = contextApi.active();
    if (isTracingSuppressed(parent)) return;
    const attributes = startAttributes(request);
    const name = methodInName(attributes[ATTR.requestMethod] as string);
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
    if (captureRequest !== undefined) span.setAttributes(captureRequest(request));
    request[CALL] = new ClientCall(span);
    if (isTarget(String(attributes[ATTR.serverAddress]), attributes[ATTR.serverPort] as number)) {
      if (isSpanContextValid(span.spanContext())) clear(request, traceFields());
      propagation.inject(trace.setSpan(parent, span), request, headerSetter);
    }
  });

  observe<UndiciMessage>("undici:client:sendHeaders", ({ request, socket }) => {
    const call = request[CALL];
    if (call === undefined) return;
    call.connectedTo(socket.remoteAddress, socket.remotePort);
    if (speaksHttp2(socket)) call.speaks("2");
    // A WebSocket's handshake is published no further than this.
    if (request.upgrade !== undefined && request.upgrade !== null && request.upgrade !== false) call.end();
  });

  observe<UndiciMessage>("undici:request:headers", ({ request, response }) => {
    // 1xx responses come before the one that counts.
    if (response.statusCode < 200) return;
    const call = request[CALL];
    if (call === undefined) return;
    call.capture(captureResponse, response);
    hearCallee(response.headers, call);
    call.respond(response.statusCode, undefined, undefined, undefined);
  });

  observe<UndiciMessage>("undici:request:trailers", ({ request }) => request[CALL]?.end());

  observe<UndiciMessage>("undici:request:error", ({ request, error }) => {
    request[CALL]?.fail(error);
  });
}

/**
 * `[name, value, ...]`: of texts, of bytes, a value also a list of them. A header that comes twice is there twice.
 * Those of a response over HTTP/2 are an object, since undici 8.
 */
function headerIn({ headers }: { readonly headers?: unknown }, name: string): string[] | undefined {
  if (!Array.isArray(headers)) {
    const value = (headers as Readonly<Record<string, unknown>> | undefined)?.[name];
    if (value === undefined) return undefined;
    return Array.isArray(value) ? value.map(textOf) : [textOf(value)];
  }
  const values: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (textOf(headers[index]).toLowerCase() !== name) continue;
    const value: unknown = headers[index + 1];
    if (Array.isArray(value)) values.push(...value.map(textOf));
    else values.push(textOf(value));
  }
  return values.length === 0 ? undefined : values;
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString("latin1") : String(value);
}

/** Takes away what names another trace. */
function clear({ headers }: UndiciRequest, names: readonly string[]): void {
  if (!Array.isArray(headers)) return;
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (names.includes(textOf(headers[index]).toLowerCase())) headers.splice(index, 2);
  }
}

/** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
function createHeaderSetter(requestIdHeader: string): TextMapSetter<UndiciRequest> {
  return {
    set(request, key, value) {
      const { headers } = request;
      const index = Array.isArray(headers)
        ? headers.findIndex((name, at) => at % 2 === 0 && String(name).toLowerCase() === key)
        : -1;
      if (index < 0) request.addHeader(key, value);
      else if (key !== requestIdHeader) (headers as unknown[])[index + 1] = value;
    },
  };
}

function startAttributes({ method, origin, path }: UndiciRequest): Attributes {
  const base = String(origin);
  const scheme = base.slice(0, base.indexOf(":"));
  const authority = base.slice(base.indexOf("//") + 2).replace(/\/$/, "");
  const { host, port } = parseAuthority(authority);
  const attributes: Attributes = {
    [ATTR.requestMethod]: knownMethod(method),
    [ATTR.serverAddress]: host,
    [ATTR.serverPort]: port ?? (scheme === "https" ? 443 : 80),
    [ATTR.urlFull]: `${scheme}://${authority}${path}`,
  };
  if (attributes[ATTR.requestMethod] !== method) attributes[ATTR.requestMethodOriginal] = method;
  return attributes;
}
