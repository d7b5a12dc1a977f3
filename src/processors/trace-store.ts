// Writes the trace of each request into shared storage when its entry span begins; a message that came without a trace is linked to its own.
import { type Context, type Span as ApiSpan, SpanKind, TraceFlags } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { isRandomTrace } from "../context/remote-parent.ts";
import { getRequestId, requestIdOrigin } from "../context/request-id.ts";
import { type SharedTraces, linkWhenFound, wantedId } from "../trace-store/shared-traces.ts";

/** What the end of a process may wait for. */
export const FLUSH_MS = 250;

export interface TraceStoreProcessorOptions {
  readonly serviceName: string;
  /** Whether a request without an id takes that of its trace. @default false */
  readonly requestIdIsTraceId?: boolean;
}

export class TraceStoreSpanProcessor implements SpanProcessor {
  readonly #shared: SharedTraces;
  readonly #serviceName: string;
  readonly #requestIdIsTraceId: boolean;

  constructor(shared: SharedTraces, { serviceName, requestIdIsTraceId = false }: TraceStoreProcessorOptions) {
    this.#shared = shared;
    this.#serviceName = serviceName;
    this.#requestIdIsTraceId = requestIdIsTraceId;
  }

  /** Also of a span that is not sampled, so that all who join the trace decide alike. */
  onStart(span: Span, parentContext: Context): void {
    const { kind } = span;
    if (kind !== SpanKind.SERVER && kind !== SpanKind.CONSUMER) return;
    const { traceId, spanId, traceFlags } = span.spanContext();
    const id = getRequestId(parentContext) ?? (this.#requestIdIsTraceId ? traceId : undefined);
    if (id === undefined) return;
    // Whose caller may be asked about is for who knows the caller to say: that is the HTTP server's instrumentation.
    if (kind === SpanKind.CONSUMER && span.links.length === 0) this.#link(span, parentContext);
    // What was found under the id is there already.
    if (requestIdOrigin(parentContext) === "found") return;
    this.#shared.store.set(id, {
      traceId,
      spanId,
      isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0,
      isRandom: isRandomTrace(parentContext),
      service: this.#serviceName,
    });
  }

  /** Asks before this span is written, or it would find itself. */
  #link(span: ApiSpan, parentContext: Context): void {
    const wanted = wantedId(this.#shared, parentContext);
    if (wanted !== undefined) linkWhenFound(this.#shared, wanted, () => span);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {
    await this.#shared.store.flush(FLUSH_MS);
  }

  async shutdown(): Promise<void> {
    await this.#shared.store.close(FLUSH_MS);
  }
}
