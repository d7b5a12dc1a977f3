// CLIENT spans for the requests of node:http2.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
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
import { log } from "../../src/diagnostics/log.ts";
import { ATTR } from "../../src/semconv.ts";
import { hearCallee } from "../http/callee.ts";
import { ClientCall } from "../http/client-call.ts";
import { createHeaderCapture } from "../http/headers.ts";
import { parseAuthority } from "../http/host.ts";
import { knownMethod, methodInName } from "../http/method.ts";
import { createTraceFields } from "../../src/propagators/trace-fields.ts";
import { createTargetTest } from "../targets.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { isUndiciSession, observeHttp2Sockets } from "../undici/http2-sockets.ts";
import { endCall } from "./call-end.ts";
import { watchClosing } from "./closing.ts";
import { type Origin, watchSessions } from "./connect.ts";
import { createGrpcTest } from "./grpc.ts";
import { type Http2Headers, copyHeaders, deleteHeader, headerIn, setHeader, textsIn } from "./headers.ts";

const ORIGIN: unique symbol = Symbol("redtrail.origin");
const PATCHED: unique symbol = Symbol("redtrail.patched");

type Session = ClientHttp2Session & { [ORIGIN]?: Origin };
type Request = (this: Session, headers?: Http2Headers | null, ...rest: unknown[]) => ClientHttp2Stream;
interface SessionClass {
  request: Request;
  [PATCHED]?: true;
}

/** A call whose span has begun, and the headers that it goes out with. */
interface Outgoing {
  readonly call: ClientCall;
  readonly headers: Http2Headers;
  /** A tunnel, or a WebSocket (RFC 8441): the span lasts until its answer, as with HTTP/1. */
  readonly isTunnel: boolean;
}

/** Node's channels (`http2.client.stream.*`, from 22.23 on) come when the headers are written already, so the method itself is watched. */
export function instrumentHttp2Client(host: InstrumentationHost): void {
  const {
    tracer,
    capturedHeaders: { client },
  } = host;
  const requestIdHeader = host.requestId.headers[0] as string;
  const setter = createHeaderSetter(requestIdHeader);
  const traceFields = createTraceFields();
  const isTarget = createTargetTest(host.propagation.targets);
  const grpc = createGrpcTest(host);
  const captureRequest = createHeaderCapture<Http2Headers>("request", client.request, textsIn);
  const captureResponse = createHeaderCapture<Http2Headers>("response", client.response, textsIn);

  /** Undefined for calls that are traced elsewhere, or not at all. */
  function begin(session: Session, given: Http2Headers | null | undefined): Outgoing | undefined {
    const parent = contextApi.active();
    const origin = session[ORIGIN];
    if (origin === undefined || isTracingSuppressed(parent) || isUndiciSession(session)) return undefined;
    // Node says what it thinks of it.
    if (given !== undefined && (typeof given !== "object" || given === null)) return undefined;
    const headers = copyHeaders(given);
    if (grpc.isClientCall(headers)) return undefined;
    const attributes = startAttributes(origin, headers);
    const name = methodInName(attributes[ATTR.requestMethod] as string);
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
    const call = new ClientCall(span);
    call.capture(captureRequest, headers);
    if (isTarget(String(attributes[ATTR.serverAddress]), attributes[ATTR.serverPort] as number)) {
      if (isSpanContextValid(span.spanContext())) for (const field of traceFields()) deleteHeader(headers, field);
      propagation.inject(trace.setSpan(parent, span), headers, setter);
    }
    return { call, headers, isTunnel: attributes[ATTR.requestMethod] === "CONNECT" };
  }

  function follow(stream: ClientHttp2Stream, { call, isTunnel }: Outgoing): void {
    watchClosing(stream);
    let isAnswered = false;
    stream.once("response", (headers: IncomingHttpHeaders) => {
      isAnswered = true;
      guard(() => {
        const { remoteAddress, remotePort } = stream.session?.socket ?? {};
        call.respond(Number(headers[":status"]), "2", remoteAddress, remotePort);
        hearCallee(headers, call);
        call.capture(captureResponse, headers);
        if (isTunnel) call.end();
      });
    });
    stream.once("timeout", () => call.timedOut());
    stream.once("close", () => guard(() => endCall(call, stream, isAnswered)));
  }

  observeHttp2Sockets();
  watchSessions(host.modules, (session, origin) => {
    (session as Session)[ORIGIN] = origin;
    const sessionClass = Object.getPrototypeOf(session) as SessionClass;
    if (Object.hasOwn(sessionClass, PATCHED)) return;
    sessionClass[PATCHED] = true;
    const { request } = sessionClass;
    sessionClass.request = function requestWithSpan(this: Session, ...args) {
      const outgoing = guard(() => begin(this, args[0]));
      if (outgoing === undefined) return request.apply(this, args);
      const { call, headers } = outgoing;
      args[0] = headers;
      let stream: ClientHttp2Stream;
      try {
        stream = request.apply(this, args);
      } catch (error) {
        call.fail(error);
        throw error;
      }
      guard(() => follow(stream, outgoing));
      return stream;
    };
  });
}

function guard<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    log.warnSometimes("http2 call", `a call could not be traced in full (${String(error)})`);
    return undefined;
  }
}

/** A request id that the app has set itself wins; trace headers that it has only passed on give way to the call's own. */
function createHeaderSetter(requestIdHeader: string): TextMapSetter<Http2Headers> {
  return {
    set(headers, key, value) {
      if (key !== requestIdHeader || headerIn(headers, key) === undefined) setHeader(headers, key, value);
    },
  };
}

function startAttributes(origin: Origin, headers: Http2Headers): Attributes {
  const method = String(headerIn(headers, ":method") ?? "GET");
  const scheme = String(headerIn(headers, ":scheme") ?? origin.scheme);
  const authority = String(headerIn(headers, ":authority") ?? headerIn(headers, "host") ?? origin.authority);
  const path = String(headerIn(headers, ":path") ?? "/");
  // Where the connection leads: an authority may be somebody else's word.
  const { host, port } = parseAuthority(origin.authority);
  const attributes: Attributes = {
    [ATTR.requestMethod]: knownMethod(method),
    [ATTR.serverAddress]: host,
    [ATTR.serverPort]: port ?? (origin.scheme === "https" ? 443 : 80),
    [ATTR.urlFull]: `${scheme}://${authority}${path}`,
  };
  if (attributes[ATTR.requestMethod] !== method) attributes[ATTR.requestMethodOriginal] = method;
  return attributes;
}
