// One outgoing call: its span, and how that ends. Shared by node:http, node:http2 and fetch.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/ ("Status")
import { type Attributes, type Span, SpanStatusCode } from "@opentelemetry/api";
import { ATTR, ERROR_TYPE } from "../../src/semconv.ts";
import { type CalleeListener, responseTimeOf, servingSpanOf } from "./callee.ts";
import type { CaptureHeaders } from "./headers.ts";

export class ClientCall implements CalleeListener {
  readonly #span: Span;
  #ended = false;
  #timedOut = false;

  constructor(span: Span) {
    this.#span = span;
  }

  /** The response's head has come. */
  respond(
    statusCode: number,
    protocolVersion: string | undefined,
    peerAddress: string | undefined,
    peerPort: number | undefined,
  ): void {
    if (this.#ended) return;
    const span = this.#span;
    span.setAttribute(ATTR.responseStatusCode, statusCode);
    if (protocolVersion !== undefined) this.speaks(protocolVersion);
    this.connectedTo(peerAddress, peerPort);
    if (statusCode < 400) return;
    span.setAttribute(ATTR.errorType, String(statusCode));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }

  /** The version of HTTP. */
  speaks(protocolVersion: string): void {
    this.#span.setAttribute(ATTR.networkProtocolVersion, protocolVersion);
  }

  connectedTo(peerAddress: string | undefined, peerPort: number | undefined): void {
    if (peerAddress === undefined) return;
    this.#span.setAttribute(ATTR.networkPeerAddress, peerAddress);
    if (peerPort !== undefined) this.#span.setAttribute(ATTR.networkPeerPort, peerPort);
  }

  /** `X-Response-Time` of the response. */
  responseTime(value: string): void {
    const seconds = responseTimeOf(value);
    if (seconds !== undefined && !this.#ended) this.#span.setAttribute(ATTR.serverResponseTime, seconds);
  }

  /** `Server-Timing` of the response: a service that begins traces of its own is linked to. */
  serverTiming(value: string): void {
    const context = servingSpanOf(value);
    if (context === undefined || this.#ended) return;
    if (context.traceId !== this.#span.spanContext().traceId) this.#span.addLink({ context });
  }

  /** What is known later than at the beginning. */
  note(attributes: Attributes): void {
    if (!this.#ended) this.#span.setAttributes(attributes);
  }

  /** Headers that settings name become attributes. */
  capture<Message>(capture: CaptureHeaders<Message> | undefined, message: Message): void {
    if (!this.#ended && capture !== undefined) this.#span.setAttributes(capture(message));
  }

  /** The socket was idle for longer than the app allows; the app decides what follows. */
  timedOut(): void {
    this.#timedOut = true;
  }

  /** The call has failed. What the app ended itself, by AbortSignal or destroy, is not an error of the call. */
  fail(error: unknown): void {
    if (this.#ended) return;
    const { name, code, message } = describe(error);
    if (name === "TimeoutError" || this.#timedOut) this.#endAsError(ERROR_TYPE.timeout, message);
    else if (name === "AbortError" || code === "ABORT_ERR") this.cancel();
    else this.#endAsError(code ?? name, message);
  }

  /** By the app. */
  cancel(error?: unknown): void {
    if (this.#ended) return;
    if (this.#timedOut) {
      this.#endAsError(ERROR_TYPE.timeout, error === undefined ? undefined : describe(error).message);
      return;
    }
    this.#span.setAttribute(ATTR.errorType, ERROR_TYPE.cancelled);
    this.end();
  }

  /** Not by us: the other side or the network has ended it before the response was complete. */
  breakOff(): void {
    if (this.#ended) return;
    this.#endAsError(this.#timedOut ? ERROR_TYPE.timeout : ERROR_TYPE.incompleteResponse);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#span.end();
  }

  #endAsError(errorType: string, message?: string): void {
    this.#span.setAttribute(ATTR.errorType, errorType);
    this.#span.setStatus(
      message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message },
    );
    this.end();
  }
}

interface Failure {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
}

/** A bounded class for the error and its message; an AggregateError (all addresses of a host refused) has a code too. */
function describe(error: unknown): Failure {
  if (!(error instanceof Error)) {
    const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
    return { name: typeof name === "string" ? name : "Error", code: undefined, message: String(message ?? error) };
  }
  const { code } = error as NodeJS.ErrnoException;
  return {
    name: error.name,
    code: typeof code === "string" ? code : undefined,
    message: error.message || String(code),
  };
}
