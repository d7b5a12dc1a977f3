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
import type { DeliveryStats } from "../exporters/delivery/queue.ts";
import { now } from "../metrics/data.ts";
import { VERSION } from "../version.ts";

export function deliverySelfMetrics(componentType: string, read: () => DeliveryStats): MetricProducer {
  const startTime = now();
  const component: Attributes = { "otel.component.type": componentType, "otel.component.name": `${componentType}/0` };
  const resource = resourceFromAttributes({});

  function sum(
    name: string,
    description: string,
    isMonotonic: boolean,
    points: readonly (readonly [number, Attributes?])[],
  ): MetricData {
    const endTime = now();
    return {
      descriptor: { name, description, unit: "{span}", valueType: ValueType.INT },
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

  return {
    collect: async () => {
      const { queued, capacity, sent, dropped } = read();
      const lost = Object.entries(dropped).map(([reason, count]) => [count, { "error.type": reason }] as const);
      const metrics = [
        sum("otel.sdk.exporter.span.exported", "Spans delivered, or lost with the reason in error.type.", true, [
          [sent],
          ...lost,
        ]),
        sum("otel.sdk.processor.span.queue.size", "Spans that wait to be delivered.", false, [[queued]]),
        sum("otel.sdk.processor.span.queue.capacity", "Spans that may wait at most.", false, [[capacity]]),
      ];
      const scopeMetrics = [{ scope: { name: "redtrail/self", version: VERSION }, metrics }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}
