// The metric readers of redtrail's own making: the Prometheus endpoint, and the console for looking.
import { ConsoleMetricExporter, type MetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { deliverySelfMetrics } from "../diagnostics/self-metrics.ts";
import { PullReader } from "../exporters/prometheus/reader.ts";
import { createSerializer } from "../exporters/prometheus/serialize.ts";
import type { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import type { Parts } from "./engine.ts";
import { type MetricsEndpoint, noMetricsEndpoint, serveMetrics } from "./metrics-endpoint.ts";

export function startMetrics(
  { config, red }: Parts,
  zipkin: ZipkinSpanProcessor | undefined,
): { endpoint: MetricsEndpoint; readers: MetricReader[] } {
  const metricProducers = [
    ...(red === undefined ? [] : [red.producer]),
    ...(zipkin === undefined ? [] : [deliverySelfMetrics("zipkin_http_exporter", () => zipkin.stats)]),
  ];
  const readers: MetricReader[] = [];
  let endpoint = noMetricsEndpoint;
  if (config.metricsExporters.includes("prometheus")) {
    const serialize = createSerializer();
    const reader = new PullReader({ metricProducers });
    readers.push(reader);
    endpoint = serveMetrics(config.prometheus, {
      scrape: async (timeoutMs) => serialize(await reader.collectShared(timeoutMs)),
    });
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
  return { endpoint, readers };
}
