// The metric readers of redtrail's own making: the Prometheus endpoint, and the console for looking.
import {
  AggregationType,
  ConsoleMetricExporter,
  type MetricProducer,
  type MetricReader,
  PeriodicExportingMetricReader,
  type ViewOptions,
} from "@opentelemetry/sdk-metrics";
import type { MetricsGroup } from "../cluster/group.ts";
import { messagingSelfMetrics } from "../diagnostics/messaging-metrics.ts";
import { redactionSelfMetrics } from "../diagnostics/redaction-metrics.ts";
import { samplingSelfMetrics } from "../diagnostics/sampling-metrics.ts";
import { traceStoreSelfMetrics } from "../diagnostics/trace-store-metrics.ts";
import { type RuntimeMetrics, createRuntimeMetrics } from "../metrics/runtime/runtime-metrics.ts";
import { type Parts, takesMetrics } from "./engine.ts";
import { type MetricsEndpoint, noMetricsEndpoint } from "./metrics-endpoint.ts";
import { startPrometheus } from "./native-prometheus.ts";
import { createPluginReaders } from "./plugin-metrics.ts";

export interface Metrics {
  readonly endpoint: MetricsEndpoint;
  readonly readers: MetricReader[];
  readonly views: ViewOptions[];
  readonly group: MetricsGroup | undefined;
  close(): Promise<void>;
}

/** `producers`: of metrics that no instrument of the SDK makes. */
export function startMetrics(parts: Parts, producers: readonly MetricProducer[]): Metrics {
  const { config, red } = parts;
  const runtime = takesMetrics(config) && config.runtimeMetrics ? createRuntimeMetrics() : undefined;
  const metricProducers = producersOf(parts, producers, runtime);
  const prometheus = config.metricsExporters.includes("prometheus")
    ? startPrometheus(parts, metricProducers)
    : undefined;
  const endpoint = prometheus?.endpoint ?? noMetricsEndpoint;
  const readers: MetricReader[] = prometheus === undefined ? [] : [prometheus.reader];
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
  readers.push(...createPluginReaders(parts, metricProducers));
  return {
    endpoint,
    readers,
    views: oneWriterPerName(red?.names ?? []),
    group: prometheus?.group,
    close: async () => {
      await endpoint.close();
      runtime?.stop();
    },
  };
}

/** RED metrics, what the pushes say of themselves, redaction, shared storage, the runtime: of both engines. */
export function producersOf(
  { red, redactor, sharedTraces, tail }: Pick<Parts, "red" | "redactor" | "sharedTraces" | "tail">,
  pushes: readonly MetricProducer[],
  runtime: RuntimeMetrics | undefined,
): MetricProducer[] {
  return [
    ...(red === undefined ? [] : [red.producer]),
    ...pushes,
    redactionSelfMetrics(redactor),
    ...(tail === undefined ? [] : [samplingSelfMetrics(tail)]),
    ...(sharedTraces === undefined ? [] : [traceStoreSelfMetrics(sharedTraces)]),
    messagingSelfMetrics(),
    ...(runtime === undefined ? [] : [runtime.producer]),
  ];
}

/** What instruments of others record under a name that RED metrics have would count the same requests twice. */
export function oneWriterPerName(names: readonly string[]): ViewOptions[] {
  return names.map((instrumentName) => ({ instrumentName, aggregation: { type: AggregationType.DROP } }));
}
