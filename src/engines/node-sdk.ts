// The escape hatch: upstream's NodeSDK with upstream's exporters, around redtrail's propagators, sampler and processors.
// In a file of its own after the build, so that the hundreds of files behind it are read only where it is chosen.
import { createRequire } from "node:module";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { ZipkinExporter } from "@opentelemetry/exporter-zipkin";
import {
  ConsoleMetricExporter,
  type MetricProducer,
  type MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { BatchSpanProcessor, ConsoleSpanExporter, type SpanExporter } from "@opentelemetry/sdk-trace";
import type { Config, OtlpProtocol, TracesExporterName } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import { loggableUrl } from "../exporters/delivery/target.ts";
import { idGenerator } from "../id-generator.ts";
import { type Engine, type Parts, metricsTo, spansTo, takesMetrics } from "./engine.ts";
import { createRuntimeMetrics } from "../metrics/runtime/runtime-metrics.ts";
import { type MetricsEndpoint, noMetricsEndpoint, serveMetrics } from "./metrics-endpoint.ts";
import { oneWriterPerName, producersOf } from "./native-metrics.ts";
import { spanProcessorsOf } from "./native-spans.ts";
import { createPluginReaders } from "./plugin-metrics.ts";
import { batchOptions, createPluginSpans } from "./plugin-spans.ts";
import { createPushes } from "./pushes.ts";
import { within } from "./within.ts";

export function createNodeSdkEngine(parts: Parts): Engine {
  const { config, red } = parts;
  const batches = createExporters(config).map(
    (exporter) => new BatchSpanProcessor({ exporter, ...batchOptions(config.batch) }),
  );
  const pushes = createPushes(undefined, parts.requestLog);
  const runtime = takesMetrics(config) && config.runtimeMetrics ? createRuntimeMetrics() : undefined;
  const pluginSpans = createPluginSpans(parts);
  const producers = producersOf(parts, [...pushes.producers, ...pluginSpans.producers], runtime);
  const { endpoint, readers } = createReaders(config, producers);
  readers.push(...createPluginReaders(parts, producers));
  const sdk = new NodeSDK({
    resource: parts.resource,
    autoDetectResources: false,
    // null leaves what start.ts has registered; upstream's types do not know it for the context manager.
    contextManager: null as never,
    textMapPropagator: null,
    sampler: parts.sampler,
    idGenerator,
    spanLimits: config.spanLimits,
    spanProcessors: spanProcessorsOf(parts, pluginSpans.processors, [...pluginSpans.exporters, ...batches]),
    metricReaders: readers,
    views: oneWriterPerName(red?.names ?? []),
    ...(config.logsExporters.includes("otlp") ? {} : { logRecordProcessors: [] }),
  });
  sdk.start();

  const flush = async (deadlineMs: number): Promise<void> => {
    const flushes = batches.map((batch) => batch.forceFlush());
    const written = parts.traceStoreProcessor?.forceFlush();
    await within(deadlineMs, Promise.allSettled([...flushes, pluginSpans.flush(), pushes.flush(deadlineMs), written]));
  };
  return {
    destinations: endpoint.address.then((metrics) => ({ metrics: metricsTo(config, metrics), spans: spansTo(config) })),
    // Upstream's processor does not tell; asking it to flush nothing costs nothing.
    pending: () => batches.length + pushes.pending() + pluginSpans.pending(),
    flush,
    // Upstream's exporters cannot deliver while the process is ending.
    flushSync: (timeoutMs) => pushes.flushSync(timeoutMs),
    endSync: () => pushes.endSync(),
    async shutdown(deadlineMs) {
      await flush(deadlineMs);
      await pushes.shutdown(deadlineMs);
      await within(deadlineMs, Promise.allSettled([sdk.shutdown(), endpoint.close()]));
      runtime?.stop();
    },
  };
}

function createExporters(config: Config): SpanExporter[] {
  const create: Record<TracesExporterName, () => SpanExporter | undefined> = {
    zipkin: () => {
      const [url = "", ...others] = config.zipkin.urls;
      if (others.length > 0) log.warn(`the engine node-sdk sends to one Zipkin; it is ${loggableUrl(url)}`);
      return new ZipkinExporter({ url, headers: { ...config.zipkin.headers } });
    },
    otlp: () => loadOtlpExporter("trace", config.otlpProtocol.traces),
    console: () => new ConsoleSpanExporter(),
    none: () => undefined,
  };
  const ours = config.tracesExporters.filter((name) => Object.hasOwn(create, name)) as TracesExporterName[];
  return ours.map((name) => create[name]()).filter((exporter) => exporter !== undefined);
}

function createReaders(
  config: Config,
  metricProducers: MetricProducer[],
): { endpoint: MetricsEndpoint; readers: MetricReader[] } {
  const readers: MetricReader[] = [];
  let endpoint = noMetricsEndpoint;
  const push = (exporter: PushMetricExporter): void => {
    const { intervalMs, timeoutMs } = config.metricExport;
    const options = { exporter, exportIntervalMillis: intervalMs, exportTimeoutMillis: timeoutMs, metricProducers };
    readers.push(new PeriodicExportingMetricReader(options));
  };
  for (const name of config.metricsExporters) {
    if (name === "otlp") push(loadOtlpExporter("metrics", config.otlpProtocol.metrics));
    if (name === "console") push(new ConsoleMetricExporter());
    if (name !== "prometheus") continue;
    // Our server and not upstream's: it falls back from a port in use, and holds no process.
    const exporter = new PrometheusExporter({
      preventServerStart: true,
      metricProducers: metricProducers.map(withUnitInNames),
    });
    readers.push(exporter);
    endpoint = serveMetrics(config.prometheus, {
      handler: (request, response) => exporter.getMetricsRequestHandler(request, response),
    });
  }
  return { endpoint, readers };
}

/** Upstream's exporter writes no unit suffix; dashboards look for `_seconds`. */
function withUnitInNames(producer: MetricProducer): MetricProducer {
  return {
    async collect(options) {
      const result = await producer.collect(options);
      const scopeMetrics = result.resourceMetrics.scopeMetrics.map(({ scope, metrics }) => ({
        scope,
        metrics: metrics.map((metric) => {
          if (metric.descriptor.unit !== "s") return metric;
          return { ...metric, descriptor: { ...metric.descriptor, name: `${metric.descriptor.name}.seconds` } };
        }),
      }));
      return { ...result, resourceMetrics: { ...result.resourceMetrics, scopeMetrics } };
    },
  };
}

const OTLP_PACKAGES: Record<OtlpProtocol, string> = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" };

/** From beside sdk-node, which brings all of them; they read their OTEL_EXPORTER_OTLP_* variables themselves. */
function loadOtlpExporter<Exporter>(signal: "trace" | "metrics", protocol: OtlpProtocol): Exporter {
  const fromHere = createRequire(import.meta.url);
  const fromSdk = createRequire(fromHere.resolve("@opentelemetry/sdk-node"));
  const name = signal === "trace" ? "OTLPTraceExporter" : "OTLPMetricExporter";
  const exports = fromSdk(`@opentelemetry/exporter-${signal}-otlp-${OTLP_PACKAGES[protocol]}`) as Record<
    string,
    new () => Exporter
  >;
  return new (exports[name] as new () => Exporter)();
}
