// The default engine: the SDK's tracer and meter, with redtrail's own exporters at their ends.
import { metrics, trace } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { ConsoleSpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { idGenerator } from "../id-generator.ts";
import { type Engine, type Parts, metricsTo, spansTo } from "./engine.ts";
import { startMetrics } from "./native-metrics.ts";
import { createSpanProcessors } from "./native-spans.ts";
import { createPushes } from "./pushes.ts";
import { within } from "./within.ts";

export function createNativeEngine(parts: Parts): Engine {
  const { config, resource, sampler } = parts;
  const consoles = config.tracesExporters.includes("console")
    ? [new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() })]
    : [];
  const { zipkin, pluginSpans, spanProcessors } = createSpanProcessors(parts, consoles);
  const tracerProvider = new TracerProvider({
    resource,
    sampler,
    idGenerator,
    spanLimits: config.spanLimits,
    spanProcessors,
  });
  const pushes = createPushes(zipkin, parts.requestLog);
  const metricsParts = startMetrics(parts, [...pushes.producers, ...pluginSpans.producers]);
  const { endpoint, readers, views, group } = metricsParts;
  const meterProvider = new MeterProvider({ resource, readers, views });
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);

  return {
    destinations: endpoint.address.then((address) => ({
      metrics: metricsTo(config, address),
      spans: spansTo(config),
    })),
    pending: () => pushes.pending() + pluginSpans.pending(),
    flush: async (deadlineMs) => {
      const plugins = within(deadlineMs, pluginSpans.flush());
      const written = parts.traceStoreProcessor?.forceFlush();
      await Promise.all([pushes.flush(deadlineMs), group?.flush(deadlineMs), plugins, written]);
    },
    flushSync: (timeoutMs) => pushes.flushSync(timeoutMs),
    endSync() {
      group?.endSync();
      pushes.endSync();
    },
    async shutdown(deadlineMs) {
      await Promise.all([pushes.shutdown(deadlineMs), within(deadlineMs, pluginSpans.flush())]);
      // The group first: what it hands over is collected by readers that the meters' end would close.
      await within(deadlineMs, Promise.allSettled([tracerProvider.shutdown(), metricsParts.close()]));
      await within(
        deadlineMs,
        meterProvider.shutdown().catch(() => {}),
      );
    },
  };
}
