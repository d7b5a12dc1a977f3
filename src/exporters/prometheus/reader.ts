// The metric reader behind a scrape: one collection at a time, shared by whoever asks meanwhile, and not held up by anybody.
import { type MetricProducer, MetricReader, type ResourceMetrics, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { log } from "../../diagnostics/log.ts";

export interface PullReaderOptions {
  /** Further sources beside the SDK's instruments; one that fails loses only itself. */
  readonly metricProducers?: readonly MetricProducer[];
}

export class PullReader extends MetricReader {
  readonly #producers: readonly MetricProducer[];
  #running: Promise<ResourceMetrics> | undefined;
  #resource: ResourceMetrics["resource"] | undefined;

  constructor({ metricProducers = [] }: PullReaderOptions = {}) {
    super();
    this.#producers = metricProducers;
  }

  /** All metrics. What takes longer than `timeoutMs` is left out. Rejects when the SDK cannot collect. */
  async collectShared(timeoutMs: number): Promise<ResourceMetrics> {
    this.#running ??= this.#collectAll(timeoutMs).finally(() => {
      this.#running = undefined;
    });
    // Whoever came first may have more time than this one, who waits no longer than it has, but for the way of a timer.
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs * 1.05 + 20).unref();
    const collected = await Promise.race([this.#running, late]).finally(() => clearTimeout(timer));
    if (typeof collected === "object") return collected;
    log.warnSometimes(
      "scrape timeout",
      `the app's own metrics take longer than ${timeoutMs} ms; a scrape goes without`,
    );
    return { resource: this.#resource ?? resourceFromAttributes({}), scopeMetrics: await this.collectProducers(1_000) };
  }

  async #collectAll(timeoutMs: number): Promise<ResourceMetrics> {
    const deadline = performance.now() + timeoutMs;
    const { resourceMetrics, errors } = await this.collect({ timeoutMillis: timeoutMs });
    this.#resource = resourceMetrics.resource;
    for (const error of errors)
      log.warnSometimes(`collect ${String(error)}`, `a metric could not be collected (${String(error)})`);
    // After the SDK, whose callbacks may take time: data points of RED are live, so they are to be written soon.
    const leftMs = deadline - performance.now();
    const further = await Promise.all(this.#producers.map((producer) => collectFrom(producer, leftMs)));
    return { resource: resourceMetrics.resource, scopeMetrics: [...further.flat(), ...resourceMetrics.scopeMetrics] };
  }

  /** Without the SDK: only the further sources, which are cheap. */
  async collectProducers(timeoutMs: number): Promise<ScopeMetrics[]> {
    return (await Promise.all(this.#producers.map((producer) => collectFrom(producer, timeoutMs)))).flat();
  }

  protected async onShutdown(): Promise<void> {}

  protected async onForceFlush(): Promise<void> {}
}

async function collectFrom(producer: MetricProducer, timeoutMs: number): Promise<ScopeMetrics[]> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  // A source that is ready wins even where the SDK has used all the time up: promises settle before timers.
  const timer = setTimeout(() => reject(new Error("it takes too long")), Math.max(timeoutMs, 1));
  timer.unref();
  try {
    const collected = producer.collect({ timeoutMillis: Math.max(timeoutMs, 1) });
    return (await Promise.race([collected, late])).resourceMetrics.scopeMetrics;
  } catch (error) {
    log.warnSometimes("producer", `a source of metrics failed (${String(error)}); the scrape goes on without it`);
    return [];
  } finally {
    clearTimeout(timer);
  }
}
