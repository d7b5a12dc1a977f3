// Feeds every span that ends into RED aggregation, sampled or not, and offers the result to any metric reader.
import type { MetricProducer, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import { RedMetrics } from "../metrics/red-metrics.ts";
import { producerOf } from "../metrics/producer.ts";
import type { RedMetricsOptions } from "../metrics/red-options.ts";

export class RedMetricsSpanProcessor implements SpanProcessor {
  readonly #metrics: RedMetrics;
  /** For `metricProducers` of a MetricReader, pulling or pushing. */
  readonly producer: MetricProducer;

  constructor(options: RedMetricsOptions) {
    this.#metrics = new RedMetrics(options);
    this.producer = producerOf(() => this.collect());
  }

  /** Names of the metrics that are written here: whoever else records under one of them would count twice. */
  get names(): readonly string[] {
    return this.#metrics.names;
  }

  /** What `producer` gives, at once. */
  collect(): ScopeMetrics[] {
    return this.#metrics.collect();
  }

  onStart(span: Span): void {
    try {
      this.#metrics.onStart(span);
    } catch (error) {
      this.#countedNothing(error);
    }
  }

  /** The SDK calls this inside the app's `span.end()`, and lets through what it throws. */
  onEnd(span: ReadableSpan): void {
    try {
      this.#metrics.onEnd(span);
    } catch (error) {
      this.#countedNothing(error);
    }
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  #countedNothing(error: unknown): void {
    this.#metrics.ignore("error");
    log.warnSometimes("red-metrics", `a span could not be counted (${String(error)})`);
  }
}
