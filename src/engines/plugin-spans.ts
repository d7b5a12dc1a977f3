// What plug-ins have at the end of a span, of both engines: their span processors, and their exporters behind batches.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import type { BatchConfig } from "../config/config.ts";
import { deliverySelfMetrics } from "../diagnostics/self-metrics.ts";
import { makeSpanExporter, makeSpanProcessors } from "../plugins/make.ts";
import type { Parts } from "./engine.ts";
import { type Batches, createBatches } from "./plugin-batches.ts";

export interface PluginSpans {
  /** After redtrail's own stages that change spans, so that they see what exporters see. */
  readonly processors: readonly SpanProcessor[];
  readonly exporters: readonly SpanProcessor[];
  /** What the exporters have delivered, and lost. */
  readonly producers: readonly MetricProducer[];
  /** Whether a span has ended since the last flush. */
  pending(): number;
  /** Never rejects. */
  flush(): Promise<void>;
}

export function createPluginSpans({ config, plugins }: Pick<Parts, "config" | "plugins">): PluginSpans {
  const exporters: Batches[] = [];
  const producers: MetricProducer[] = [];
  for (const name of config.tracesExporters) {
    const exporter = makeSpanExporter(plugins, name);
    if (exporter === undefined) continue;
    const batches = createBatches(name, exporter, config.batch);
    exporters.push(batches);
    producers.push(deliverySelfMetrics(name, "span", batches.counts));
  }
  const processors = makeSpanProcessors(plugins);
  const all = [...processors, ...exporters];
  let isDirty = false;
  const mark: SpanProcessor = {
    onStart: () => {},
    onEnd: () => {
      isDirty = true;
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  return {
    processors: all.length === 0 ? [] : [mark, ...processors],
    exporters,
    producers,
    pending: () => (isDirty ? 1 : 0),
    async flush() {
      isDirty = false;
      await Promise.allSettled(all.map((processor) => processor.forceFlush()));
    },
  };
}

/** As upstream's batching processor names them. */
export function batchOptions(batch: BatchConfig): {
  maxQueueSize: number;
  maxExportBatchSize: number;
  scheduledDelayMillis: number;
  exportTimeoutMillis: number;
} {
  return {
    maxQueueSize: batch.maxQueueSize,
    maxExportBatchSize: batch.maxExportBatchSize,
    scheduledDelayMillis: batch.scheduleDelayMs,
    exportTimeoutMillis: batch.exportTimeoutMs,
  };
}
