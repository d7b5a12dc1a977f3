// The metric readers of redtrail's own making: the Prometheus endpoint, and the console for looking.
import {
  AggregationType,
  ConsoleMetricExporter,
  type MetricProducer,
  type MetricReader,
  PeriodicExportingMetricReader,
  type ScopeMetrics,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { deliverySelfMetrics } from "../diagnostics/self-metrics.ts";
import { createExposition } from "../exporters/prometheus/exposition.ts";
import type { Body, Format } from "../exporters/prometheus/format.ts";
import { PullReader } from "../exporters/prometheus/reader.ts";
import { ScrapeMetrics } from "../exporters/prometheus/scrape-metrics.ts";
import type { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { type RuntimeMetrics, createRuntimeMetrics } from "../metrics/runtime/runtime-metrics.ts";
import type { Parts } from "./engine.ts";
import { type MetricsEndpoint, noMetricsEndpoint, serveMetrics } from "./metrics-endpoint.ts";

export interface Metrics {
  readonly endpoint: MetricsEndpoint;
  readonly readers: MetricReader[];
  readonly views: ViewOptions[];
  close(): Promise<void>;
}

export function startMetrics({ config, red }: Parts, zipkin: ZipkinSpanProcessor | undefined): Metrics {
  const takesMetrics = config.metricsExporters.some((name) => name !== "none");
  const runtime = takesMetrics && config.runtimeMetrics ? createRuntimeMetrics() : undefined;
  const metricProducers = producersOf(red, zipkin, runtime);
  const readers: MetricReader[] = [];
  let endpoint = noMetricsEndpoint;
  if (config.metricsExporters.includes("prometheus")) {
    const scrapes = new ScrapeMetrics();
    const reader = new PullReader({ metricProducers: [...metricProducers, producer(() => [scrapes.collect()])] });
    readers.push(reader);
    const expose = createExposition(config.prometheus);
    const scrape = async (format: Format, timeoutMs: number): Promise<Body> => {
      const began = performance.now();
      const body = await expose(await reader.collectShared(timeoutMs), format);
      scrapes.add(format.syntax, (performance.now() - began) / 1000, body.byteLength);
      return body;
    };
    endpoint = serveMetrics(config.prometheus, { scrape });
  }
  if (config.metricsExporters.includes("console")) {
    const { intervalMs, timeoutMs } = config.metricExport;
    const exporter = new ConsoleMetricExporter();
    readers.push(
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: intervalMs,
        exportTimeoutMillis: timeoutMs,
        metricProducers,
      }),
    );
  }
  return {
    endpoint,
    readers,
    views: oneWriterPerName(red?.names ?? []),
    close: async () => {
      await endpoint.close();
      runtime?.stop();
    },
  };
}

/** What instruments of others record under a name that RED metrics have would count the same requests twice. */
export function oneWriterPerName(names: readonly string[]): ViewOptions[] {
  return names.map((instrumentName) => ({ instrumentName, aggregation: { type: AggregationType.DROP } }));
}

function producersOf(
  red: Parts["red"],
  zipkin: ZipkinSpanProcessor | undefined,
  runtime: RuntimeMetrics | undefined,
): MetricProducer[] {
  return [
    ...(red === undefined ? [] : [red.producer]),
    ...(zipkin === undefined ? [] : [deliverySelfMetrics("zipkin_http_exporter", () => zipkin.stats)]),
    ...(runtime === undefined ? [] : [runtime.producer]),
  ];
}

function producer(collect: () => ScopeMetrics[]): MetricProducer {
  const resource = resourceFromAttributes({});
  return { collect: async () => ({ resourceMetrics: { resource, scopeMetrics: collect() }, errors: [] }) };
}
