// Batches of sampled spans for the exporters of plug-ins. As the SDK's processor, but that nothing of it keeps a process alive that has
// nothing else to do: an exporter that never answers would, for as long as OTEL_BSP_EXPORT_TIMEOUT.
import { ROOT_CONTEXT, TraceFlags, context } from "@opentelemetry/api";
import { ExportResultCode, suppressTracing } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { BatchConfig } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import type { DeliveryCounts } from "../diagnostics/self-metrics.ts";

export interface Batches extends SpanProcessor {
  counts(): DeliveryCounts;
}

/** `exporter` says itself what it could not deliver. Beyond `maxQueueSize` spans are dropped, and that is said once a minute. */
export function createBatches(
  name: string,
  exporter: SpanExporter,
  { maxQueueSize, maxExportBatchSize, scheduleDelayMs, exportTimeoutMs }: BatchConfig,
): Batches {
  const queue: ReadableSpan[] = [];
  let timer: NodeJS.Timeout | undefined;
  let exporting: Promise<void> | undefined;
  let sent = 0;
  const dropped = { queue_full: 0, timeout: 0, failed: 0 };
  let isClosed = false;

  /** One batch at a time; resolves when it is answered for, or given up. */
  function exportNext(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    exporting ??= exportBatch(queue.splice(0, maxExportBatchSize)).then(() => {
      exporting = undefined;
      if (queue.length >= maxExportBatchSize) void exportNext();
      else if (queue.length > 0) schedule();
    });
    return exporting;
  }

  function exportBatch(spans: ReadableSpan[]): Promise<void> {
    if (spans.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      let isDone = false;
      /** The first counts. `reason`: of the loss. */
      function done(reason?: keyof typeof dropped): void {
        if (isDone) return;
        isDone = true;
        clearTimeout(giveUp);
        if (reason === undefined) sent += spans.length;
        else dropped[reason] += spans.length;
        resolve();
      }
      const giveUp = setTimeout(() => {
        log.warnSometimes(
          `unanswered ${name}`,
          `span exporter "${name}" has not answered for ${spans.length} spans within ${exportTimeoutMs} ms; they are given up`,
        );
        done("timeout");
      }, exportTimeoutMs).unref();
      // Not the context of the span that made the batch full.
      context.with(suppressTracing(ROOT_CONTEXT), () => {
        exporter.export(spans, ({ code }) => done(code === ExportResultCode.SUCCESS ? undefined : "failed"));
      });
    });
  }

  function schedule(): void {
    timer ??= setTimeout(() => void exportNext(), scheduleDelayMs).unref();
  }

  /** What is there now; spans that end meanwhile wait for their own batch. */
  async function flush(): Promise<void> {
    let batches = Math.ceil(queue.length / maxExportBatchSize) + (exporting === undefined ? 0 : 1);
    // oxlint-disable-next-line no-await-in-loop -- one batch after the other.
    while (batches-- > 0) await exportNext();
  }

  return {
    counts: () => ({ queued: queue.length, capacity: maxQueueSize, sent, dropped: { ...dropped } }),
    onStart() {},
    onEnd(span) {
      if (isClosed || (span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (queue.length >= maxQueueSize) {
        dropped.queue_full++;
        const text = `the queue of span exporter "${name}" is full (${maxQueueSize}); ${dropped.queue_full} spans are dropped so far`;
        log.warnSometimes(`full ${name}`, text);
        return;
      }
      queue.push(span);
      if (exporting !== undefined) return;
      if (queue.length >= maxExportBatchSize) void exportNext();
      else schedule();
    },
    forceFlush: flush,
    async shutdown() {
      isClosed = true;
      await flush();
      await exporter.shutdown();
    },
  };
}
