// Stands before the exporters, and hands them what is decided at the end of a request as if it had been sampled at its beginning.
import type { Context } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import type { Tail } from "../sampling/tail.ts";

const SWEEP_INTERVAL_MS = 30_000;

export class TailSamplingSpanProcessor implements SpanProcessor {
  readonly #tail: Tail;
  readonly #exporters: readonly SpanProcessor[];
  readonly #sweeps: NodeJS.Timeout;
  readonly #send = (span: ReadableSpan): void => {
    for (const exporter of this.#exporters) exporter.onEnd(span);
  };

  constructor(tail: Tail, exporters: readonly SpanProcessor[]) {
    this.#tail = tail;
    this.#exporters = exporters;
    this.#sweeps = setInterval(() => tail.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  onStart(span: Span, parentContext: Context): void {
    try {
      this.#tail.start(span, parentContext);
    } catch (error) {
      log.warnSometimes("tail-sampling", `a span could not be followed (${String(error)})`);
    }
    for (const exporter of this.#exporters) exporter.onStart(span, parentContext);
  }

  /** The SDK calls this inside the app's `span.end()`, and lets through what it throws. */
  onEnd(span: ReadableSpan): void {
    try {
      this.#tail.end(span, this.#send);
    } catch (error) {
      log.warnSometimes("tail-sampling", `a span could not be sent or dropped (${String(error)})`);
    }
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#exporters.map((exporter) => exporter.forceFlush()));
  }

  /** What is not decided by now is not sent. */
  async shutdown(): Promise<void> {
    clearInterval(this.#sweeps);
    await Promise.all(this.#exporters.map((exporter) => exporter.shutdown()));
  }
}
