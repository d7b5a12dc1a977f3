// All that is pushed, as one: spans to Zipkin, the request log to Elasticsearch and to stdout.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import { deliverySelfMetrics } from "../diagnostics/self-metrics.ts";
import type { Delivery } from "../exporters/delivery/delivery.ts";
import type { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import type { RequestLog } from "../request-log/request-log.ts";

type Push = Pick<Delivery, "stats" | "flush" | "flushSync" | "endSync" | "shutdown">;

/** See Engine for what each does. */
export interface Pushes {
  pending(): number;
  flush(deadlineMs: number): Promise<void>;
  flushSync(timeoutMs: number): void;
  endSync(): void;
  shutdown(deadlineMs: number): Promise<void>;
  /** What is delivered, queued and lost. */
  readonly producers: readonly MetricProducer[];
}

export function createPushes(zipkin: ZipkinSpanProcessor | undefined, requestLog: RequestLog | undefined): Pushes {
  const elasticsearch = requestLog?.delivery;
  const all: readonly Push[] = [zipkin, elasticsearch].filter((push) => push !== undefined);
  return {
    pending: () => all.reduce((sum, { stats }) => sum + stats.queued, 0),
    flush: async (deadlineMs) => {
      requestLog?.flushConsole();
      await Promise.all(all.map((push) => push.flush(deadlineMs)));
    },
    flushSync: (timeoutMs) => {
      const until = performance.now() + timeoutMs;
      for (const push of all) push.flushSync(Math.max(0, until - performance.now()));
    },
    endSync: () => {
      requestLog?.flushConsole();
      for (const push of all) push.endSync();
    },
    shutdown: async (deadlineMs) => {
      requestLog?.flushConsole();
      await Promise.all(all.map((push) => push.shutdown(deadlineMs)));
    },
    producers: [
      ...(zipkin === undefined ? [] : [deliverySelfMetrics("zipkin_http_exporter", "span", () => zipkin.stats)]),
      ...(elasticsearch === undefined
        ? []
        : [deliverySelfMetrics("elasticsearch_log_exporter", "log", () => elasticsearch.stats)]),
    ],
  };
}
