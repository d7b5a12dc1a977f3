// Feeds every span that ends into RED aggregation, sampled or not, and offers the result to any metric reader.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import { RedMetrics, type RedMetricsOptions } from "../metrics/red-metrics.ts";

export class RedMetricsSpanProcessor implements SpanProcessor {
  readonly #metrics: RedMetrics;
  /** For `metricProducers` of a MetricReader, pulling or pushing. */
  readonly producer: MetricProducer;

  constructor(options: RedMetricsOptions) {
    const metrics = new RedMetrics(options);
    this.#metrics = metrics;
    const resource = resourceFromAttributes({});
    this.producer = {
      collect: async () => ({ resourceMetrics: { resource, scopeMetrics: [metrics.collect()] }, errors: [] }),
    };
  }

  onStart(span: Span): void {
    try {
      this.#metrics.onStart(span);
    } catch (error) {
      countedNothing(error);
    }
  }

  /** The SDK calls this inside the app's `span.end()`, and lets through what it throws. */
  onEnd(span: ReadableSpan): void {
    try {
      this.#metrics.onEnd(span);
    } catch (error) {
      countedNothing(error);
    }
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

function countedNothing(error: unknown): void {
  log.warnSometimes("red-metrics", `a span could not be counted (${String(error)})`);
}
