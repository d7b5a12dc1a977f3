// What redtrail says of its own delivery, so that lost telemetry shows up in the telemetry.
// https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/
import { type Attributes, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { DeliveryStats } from "../exporters/delivery/delivery.ts";
import { now } from "../metrics/data.ts";
import { VERSION } from "../version.ts";

/** As the conventions name the two: `otel.sdk.exporter.span.exported`, `otel.sdk.exporter.log.exported`. */
export type DeliveredSignal = "span" | "log";

const NOUN = { span: ["Spans", "{span}"], log: ["Log records", "{log_record}"] } as const;

type Points = readonly (readonly [value: number, attributes?: Attributes])[];

/** `componentType`: `zipkin_http_exporter`, or one of ours. */
export function deliverySelfMetrics(
  componentType: string,
  signal: DeliveredSignal,
  read: () => DeliveryStats,
): MetricProducer {
  const startTime = now();
  const component: Attributes = { "otel.component.type": componentType, "otel.component.name": `${componentType}/0` };
  const resource = resourceFromAttributes({});
  const [noun, itemUnit] = NOUN[signal];

  function sum(name: string, description: string, unit: string, isMonotonic: boolean, points: Points): MetricData {
    const endTime = now();
    return {
      descriptor: { name, description, unit, valueType: ValueType.INT },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic,
      dataPoints: points.map(([value, extra]) => ({
        startTime,
        endTime,
        value,
        attributes: { ...component, ...extra },
      })),
    };
  }

  function metricsOf({ queued, queuedBytes, capacity, sent, dropped, spool }: DeliveryStats): MetricData[] {
    const lost = Object.entries(dropped).map(([reason, count]) => [count, { "error.type": reason }] as const);
    const queue = `otel.sdk.processor.${signal}.queue`;
    const metrics = [
      sum(
        `otel.sdk.exporter.${signal}.exported`,
        `${noun} delivered, or lost with the reason in error.type.`,
        itemUnit,
        true,
        [[sent], ...lost],
      ),
      sum(`${queue}.size`, `${noun} that wait to be delivered.`, itemUnit, false, [[queued]]),
      sum(`${queue}.capacity`, `${noun} that may wait at most.`, itemUnit, false, [[capacity]]),
      sum("redtrail.delivery.queue.bytes", "Bytes that wait in memory to be delivered.", "By", false, [[queuedBytes]]),
    ];
    if (spool === undefined) return metrics;
    return [
      ...metrics,
      sum("redtrail.delivery.spool.written", `${noun} written to the spool.`, itemUnit, true, [[spool.written]]),
      sum("redtrail.delivery.spool.size", `${noun} in the spool, of all its processes.`, itemUnit, false, [
        [spool.waiting],
      ]),
      sum("redtrail.delivery.spool.bytes", "Bytes in the spool, of all its processes.", "By", false, [
        [spool.waitingBytes],
      ]),
    ];
  }

  return {
    collect: async () => {
      const scopeMetrics = [{ scope: { name: "redtrail/self", version: VERSION }, metrics: metricsOf(read()) }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}
