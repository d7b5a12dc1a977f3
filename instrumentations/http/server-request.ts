// One request that a server is answering, over whatever version of HTTP: its span, and how that ends.
import { type Attributes, type Context, type Span, SpanStatusCode } from "@opentelemetry/api";
import { ATTR, ERROR_TYPE } from "../../src/semconv.ts";

const STATE: unique symbol = Symbol("redtrail.server-request");

/** The media type of a response that lasts as long as somebody listens. */
export const EVENT_STREAM = "text/event-stream";
/** Of an error's message, in characters; what is longer is cut. */
const MAX_ERROR_MESSAGE = 1024;

/** How a request ended. */
export interface RequestEnd {
  readonly statusCode: number | undefined;
  readonly errorType: string | undefined;
  readonly route: string | undefined;
}

interface WithState {
  [STATE]?: ServerRequest;
  /** What node:http2 keeps below a request that looks like one of node:http. */
  readonly stream?: WithState;
}

/** Of a request of node:http, or of a request or a stream of node:http2. Frameworks' objects may have something else in its place, or nothing. */
export function serverRequestOf(request: object | null | undefined): ServerRequest | undefined {
  const { [STATE]: state, stream } = (request ?? {}) as WithState;
  return state ?? stream?.[STATE];
}

/** `target`: a request of node:http, a stream of node:http2. */
export function setServerRequest(target: object, request: ServerRequest): void {
  (target as WithState)[STATE] = request;
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
  #errorMessage: string | undefined;
  #ended = false;

  constructor(
    span: Span,
    context: Context,
    method: string,
    requestId: string | undefined,
    onEnd: ((end: RequestEnd) => void) | undefined,
    arrivedAt?: number,
  ) {
    this.arrivedAt = arrivedAt;
    this.#onEnd = onEnd;
    this.#span = span;
    this.context = context;
    this.#method = method;
    this.requestId = requestId;
  }

  /** Such as headers of the response. */
  setAttributes(attributes: Attributes): void {
    if (!this.#ended) this.#span.setAttributes(attributes);
  }

  /** What a handler threw, as its framework tells of it before it answers. It counts if the answer is a 5xx. Never throws. */
  noteError(error: unknown): void {
    this.#errorMessage = messageOf(error);
  }

  /** The response is complete, and was an event stream. A subscriber that leaves is how one ends. */
  endStream(statusCode: number): void {
    if (!this.#ended) this.#span.setAttribute(ATTR.streaming, true);
    this.end(statusCode);
  }

  /** The response will not be complete: the server has given it up, or the client is gone. */
  endIncomplete(byServer: boolean, statusCode: number | undefined, error: Error | null | undefined): void {
    if (!byServer) this.end(statusCode, ERROR_TYPE.clientAborted);
    else this.#fail(ERROR_TYPE.incompleteResponse, statusCode, error?.message);
  }

  /** `errorType` when there is a reason that is not the status code. */
  end(statusCode: number | undefined, errorType?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const span = this.#span;
    if (statusCode !== undefined) span.setAttribute(ATTR.responseStatusCode, statusCode);
    if (this.route !== undefined) {
      span.setAttribute(ATTR.route, this.route);
      span.updateName(`${this.#method} ${this.route}`);
    }
    const isServerError = statusCode !== undefined && statusCode >= 500;
    const error = errorType ?? (isServerError ? String(statusCode) : undefined);
    if (error !== undefined) span.setAttribute(ATTR.errorType, error);
    if (errorType === undefined && isServerError) this.#setFailed(this.#errorMessage);
    this.#onEnd?.({ statusCode, errorType: error, route: this.route });
    // The SDK takes the end of a span whose start was given from a clock of whole milliseconds.
    if (this.arrivedAt === undefined) span.end();
    else span.end(performance.now());
  }

  #fail(errorType: string, statusCode: number | undefined, message: string | undefined): void {
    if (this.#ended) return;
    this.#setFailed(message);
    this.end(statusCode, errorType);
  }

  #setFailed(message: string | undefined): void {
    this.#span.setStatus(
      message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message },
    );
  }
}

/** An app may throw anything, also an object whose getters throw. */
function messageOf(error: unknown): string | undefined {
  try {
    const message = typeof error === "string" ? error : (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === "string" && message !== "" ? message.slice(0, MAX_ERROR_MESSAGE) : undefined;
  } catch {
    return undefined;
  }
}
