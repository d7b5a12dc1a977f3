// What redtrail says of its own delivery, so that lost telemetry shows up in the telemetry.
// https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/
import type { Attributes } from "@opentelemetry/api";
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { SpoolStats } from "../exporters/delivery/spool.ts";
import { type SelfMetric, selfProducer } from "./self-producer.ts";

/** As the conventions name the two: `otel.sdk.exporter.span.exported`, `otel.sdk.exporter.log.exported`. */
export type DeliveredSignal = "span" | "log";

const NOUN = { span: ["Spans", "{span}"], log: ["Log records", "{log_record}"] } as const;

export interface DeliveryCounts {
  readonly queued: number;
  readonly capacity: number;
  readonly sent: number;
  /** By reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Of a queue that is bounded by them too. */
  readonly queuedBytes?: number;
  readonly spool?: SpoolStats | undefined;
}

/** `componentType`: `zipkin_http_exporter`, or one of ours or of a plug-in. */
export function deliverySelfMetrics(
  componentType: string,
  signal: DeliveredSignal,
  read: () => DeliveryCounts,
): MetricProducer {
  const component: Attributes = { "otel.component.type": componentType, "otel.component.name": `${componentType}/0` };
  const [noun, itemUnit] = NOUN[signal];
  const queue = `otel.sdk.processor.${signal}.queue`;

  const level = (name: string, description: string, unit: string, value: number): SelfMetric => ({
    ...{ name, description, unit, isMonotonic: false },
    points: [[value, component]],
  });

  return selfProducer(() => {
    const { queued, queuedBytes, capacity, sent, dropped, spool } = read();
    const metrics: SelfMetric[] = [
      {
        name: `otel.sdk.exporter.${signal}.exported`,
        description: `${noun} delivered, or lost with the reason in error.type.`,
        unit: itemUnit,
        isMonotonic: true,
        points: [
          [sent, component],
          ...Object.entries(dropped).map(([reason, count]) => [count, { ...component, "error.type": reason }] as const),
        ],
      },
      level(`${queue}.size`, `${noun} that wait to be delivered.`, itemUnit, queued),
      level(`${queue}.capacity`, `${noun} that may wait at most.`, itemUnit, capacity),
    ];
    if (queuedBytes !== undefined) {
      metrics.push(
        level("redtrail.delivery.queue.bytes", "Bytes that wait in memory to be delivered.", "By", queuedBytes),
      );
    }
    if (spool === undefined) return metrics;
    return [
      ...metrics,
      {
        ...level("redtrail.delivery.spool.written", `${noun} written to the spool.`, itemUnit, spool.written),
        isMonotonic: true,
      },
      level("redtrail.delivery.spool.size", `${noun} in the spool, of all its processes.`, itemUnit, spool.waiting),
      level("redtrail.delivery.spool.bytes", "Bytes in the spool, of all its processes.", "By", spool.waitingBytes),
    ];
  });
}
