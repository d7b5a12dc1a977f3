// SERVER spans for node:http2, of the compatibility API and of the streams' own alike: a request is a stream that a client has begun.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { type Context, context as contextApi } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import { createServerBeginning } from "../http/begin.ts";
import { bindEmitter } from "../http/bind-emitter.ts";
import type { Connection } from "../http/extract.ts";
import { createHeaderCapture } from "../http/headers.ts";
import type { RequestLine } from "../http/server-attributes.ts";
import { onServerEvent } from "../http/server-events.ts";
import { EVENT_STREAM, type ServerRequest, setServerRequest } from "../http/server-request.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { isClosedByApp, watchClosing } from "./closing.ts";
import { createGrpcTest } from "./grpc.ts";
import { textsIn } from "./headers.ts";
import { createStreamHeaders, statusOf } from "./response-headers.ts";

/** What is known of a session's connection, asked once: Node answers through a proxy. */
const CONNECTION: unique symbol = Symbol("redtrail.connection");
type Session = ServerHttp2Session & { [CONNECTION]?: Connection };

/**
 * The event is what Node tells of a request in all its versions. Its channels (`http2.server.stream.*`) are not used: 22.15 has none,
 * and what is entered where they are published would be the context of the whole connection before Node 24.
 */
export function instrumentHttp2Server(host: InstrumentationHost): void {
  // A stream is never held while its trace is looked for: it shares its connection with others.
  const { extract, beginLinked } = createServerBeginning(host);
  const addHeaders = createStreamHeaders(host);
  const grpc = createGrpcTest(host);
  const captureHeaders = createHeaderCapture<ServerHttp2Stream>(
    "response",
    host.capturedHeaders.server.response,
    ({ sentHeaders }, name) => textsIn(sentHeaders, name),
  );

  function begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Context {
    const connection = connectionOf(stream);
    const state = beginLinked(lineOf(stream, headers), headers, connection, extract(headers, connection));
    setServerRequest(stream, state);
    watchClosing(stream);
    // A tunnel, or a WebSocket (RFC 8441): the span lasts until its answer, as with HTTP/1.
    const isTunnel = headers[":method"] === "CONNECT";
    addHeaders(stream, {
      state,
      startedAt: performance.now(),
      onHead: isTunnel ? (statusCode) => state.end(statusCode) : undefined,
    });
    // Before the app's own listeners.
    stream.once("close", () => {
      try {
        end(state, stream);
      } catch (error) {
        log.warnSometimes("http2 end", `a request could not be traced in full (${String(error)})`);
      }
    });
    return state.context;
  }

  function end(state: ServerRequest, stream: ServerHttp2Stream): void {
    const statusCode = statusOf(stream);
    if (statusCode === undefined) {
      state.endIncomplete(isClosedByApp(stream), undefined, stream.errored);
      return;
    }
    if (captureHeaders !== undefined) state.setAttributes(captureHeaders(stream));
    const isComplete = !stream.aborted && stream.rstCode === 0;
    if (String(textsIn(stream.sentHeaders, "content-type")).startsWith(EVENT_STREAM)) state.endStream(statusCode);
    else if (isComplete) state.end(statusCode);
    else state.endIncomplete(isClosedByApp(stream), statusCode, stream.errored);
  }

  onServerEvent("stream", (server, args, emit) => {
    const [, stream, headers] = args as [string, ServerHttp2Stream, IncomingHttpHeaders];
    let context: Context | undefined;
    try {
      if (isRequest(stream, headers) && !grpc.isServerCall(server, headers)) context = begin(stream, headers);
    } catch (error) {
      log.warnSometimes("http2 stream", `a request could not be traced (${String(error)})`);
    }
    if (context === undefined) return emit.apply(server, args);
    try {
      return contextApi.with(context, emit, server, ...args);
    } finally {
      // Node emits all that follows in the connection's context. Not before: each listener that is added is an event too.
      bindEmitter(stream, context);
      // Listeners on the session itself come next, in the same turn.
      if ((stream.session?.listenerCount("stream") ?? 0) > 1) contextApi.attach(context);
    }
  });
}

function isRequest(stream: unknown, headers: unknown): boolean {
  const { respond, session } = (stream ?? {}) as Partial<ServerHttp2Stream>;
  return typeof respond === "function" && session !== undefined && typeof headers === "object" && headers !== null;
}

function lineOf({ session }: ServerHttp2Stream, headers: IncomingHttpHeaders): RequestLine {
  return {
    method: headers[":method"] ?? "GET",
    scheme: session?.encrypted === true ? "https" : "http",
    target: headers[":path"] ?? headers[":authority"] ?? "/",
    authority: headers[":authority"] ?? headers.host,
    protocolVersion: "2",
  };
}

function connectionOf({ session }: ServerHttp2Stream): Connection {
  const known = (session as Session | undefined)?.[CONNECTION];
  if (known !== undefined || session === undefined) return known ?? {};
  const { remoteAddress, remotePort, localAddress } = session.socket;
  const connection = { remoteAddress, remotePort, localAddress };
  (session as Session)[CONNECTION] = connection;
  return connection;
}
