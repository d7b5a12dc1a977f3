// One request that a server is answering: its span, and how that ends.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Context, type Span, SpanStatusCode } from "@opentelemetry/api";
import { ATTR, ERROR_TYPE } from "../../src/semconv.ts";
import { bindEmitter } from "./bind-emitter.ts";
import type { CaptureHeaders } from "./headers.ts";

const STATE: unique symbol = Symbol("redtrail.server-request");
/** The connection's requests that are not answered yet: more than one when the client pipelines. */
const LIVE: unique symbol = Symbol("redtrail.live-requests");

const EVENT_STREAM = "text/event-stream";

/** How a request ended. */
export interface RequestEnd {
  readonly statusCode: number | undefined;
  readonly errorType: string | undefined;
  readonly route: string | undefined;
}

type WithState = IncomingMessage & { [STATE]?: ServerRequest };
type WithLive = Socket & { [LIVE]?: Set<ServerRequest> };

export function serverRequestOf(request: IncomingMessage): ServerRequest | undefined {
  return (request as WithState)[STATE];
}

export class ServerRequest {
  readonly context: Context;
  readonly requestId: string | undefined;
  /** When the request came, by performance.now(); undefined when that was when its span began. */
  readonly arrivedAt: number | undefined;
  /** The route's pattern, set by a framework's instrumentation; undefined while nothing has matched. */
  route: string | undefined;
  /** Where a framework's router keeps the pattern of the mounts that it is inside of. */
  mount = "";
  readonly #span: Span;
  readonly #method: string;
  readonly #onEnd: ((end: RequestEnd) => void) | undefined;
  readonly #captureHeaders: CaptureHeaders<ServerResponse> | undefined;
  #request: IncomingMessage | undefined;
  #response: ServerResponse | undefined;
  #socket: WithLive | undefined;
  #ended = false;

  constructor(
    span: Span,
    context: Context,
    method: string,
    requestId: string | undefined,
    onEnd: ((end: RequestEnd) => void) | undefined,
    captureHeaders: CaptureHeaders<ServerResponse> | undefined,
    arrivedAt: number | undefined,
  ) {
    this.arrivedAt = arrivedAt;
    this.#captureHeaders = captureHeaders;
    this.#onEnd = onEnd;
    this.#span = span;
    this.context = context;
    this.#method = method;
    this.requestId = requestId;
  }

  /** Ties the span to its exchange, so that it ends also when the connection does. */
  attachTo(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
    this.#request = request;
    this.#response = response;
    this.#socket = socket;
    (request as WithState)[STATE] = this;
    liveRequests(socket).add(this);
  }

  /** The response is complete. */
  finish(): void {
    const response = this.#response as ServerResponse;
    // Only who asked for a stream pays for looking whether it was one.
    const accept = (this.#request as IncomingMessage).headers.accept;
    if (accept !== undefined && accept.includes(EVENT_STREAM) && isEventStream(response)) this.#markStream();
    this.end(response.statusCode);
  }

  /** The connection has closed before the response was complete. Node's own listeners run after this one. */
  abort(): void {
    const response = this.#response as ServerResponse;
    const request = this.#request as IncomingMessage;
    bindEmitter(request, this.context);
    bindEmitter(response, this.context);
    const statusCode = response.headersSent ? response.statusCode : undefined;
    if (statusCode !== undefined && isEventStream(response)) {
      // A subscriber that leaves is how an event stream ends.
      this.#markStream();
      this.end(statusCode);
      return;
    }
    // Node has not yet torn down what the client left; what is down already was taken down by the app.
    const byApp = response.destroyed || response.errored != null;
    if (byApp) this.fail(ERROR_TYPE.incompleteResponse, statusCode, response.errored?.message);
    else this.end(statusCode, ERROR_TYPE.clientAborted);
  }

  #markStream(): void {
    this.#span.setAttribute(ATTR.streaming, true);
  }

  /** Ends the span as failed, with a reason that is not its status code. */
  fail(errorType: string, statusCode: number | undefined, message: string | undefined): void {
    if (this.#ended) return;
    this.#span.setStatus(
      message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message },
    );
    this.end(statusCode, errorType);
  }

  end(statusCode: number | undefined, errorType?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket?.[LIVE]?.delete(this);
    const span = this.#span;
    if (statusCode !== undefined) span.setAttribute(ATTR.responseStatusCode, statusCode);
    if (this.route !== undefined) {
      span.setAttribute(ATTR.route, this.route);
      span.updateName(`${this.#method} ${this.route}`);
    }
    if (this.#captureHeaders !== undefined && this.#response?.headersSent === true) {
      span.setAttributes(this.#captureHeaders(this.#response));
    }
    const isServerError = statusCode !== undefined && statusCode >= 500;
    const error = errorType ?? (isServerError ? String(statusCode) : undefined);
    if (error !== undefined) span.setAttribute(ATTR.errorType, error);
    if (errorType === undefined && isServerError) span.setStatus({ code: SpanStatusCode.ERROR });
    this.#onEnd?.({ statusCode, errorType: error, route: this.route });
    // The SDK takes the end of a span whose start was given from a clock of whole milliseconds.
    if (this.arrivedAt === undefined) span.end();
    else span.end(performance.now());
  }
}

function liveRequests(socket: WithLive): Set<ServerRequest> {
  const known = socket[LIVE];
  if (known !== undefined) return known;
  const live = new Set<ServerRequest>();
  socket[LIVE] = live;
  // First in line, so that it sees what the client left before Node tears it down.
  socket.prependListener("close", abortAll);
  return live;
}

function abortAll(this: WithLive): void {
  for (const request of this[LIVE] ?? []) request.abort();
}

/** Server-sent events. Node keeps no header that went straight to `writeHead`, so the header block itself is asked. */
function isEventStream(response: ServerResponse & { _header?: unknown }): boolean {
  const type = response.getHeader("content-type");
  if (type !== undefined) return String(type).startsWith(EVENT_STREAM);
  return /\r\ncontent-type: ?text\/event-stream/i.test(String(response._header));
}
