// Metric readers that push to the exporters of plug-ins.
import { type MetricProducer, type MetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { makeMetricExporter } from "../plugins/make.ts";
import type { Parts } from "./engine.ts";

export function createPluginReaders(
  { config, plugins }: Pick<Parts, "config" | "plugins">,
  metricProducers: MetricProducer[],
): MetricReader[] {
  const { intervalMs, timeoutMs } = config.metricExport;
  return config.metricsExporters
    .map((name) => makeMetricExporter(plugins, name))
    .filter((exporter) => exporter !== undefined)
    .map(
      (exporter) =>
        new PeriodicExportingMetricReader({
          exporter,
          exportIntervalMillis: intervalMs,
          // It refuses one that is longer.
          exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
          metricProducers,
        }),
    );
}
