// Makes metrics of numbers that redtrail keeps anyway: read at a collection, under a scope of its own.
import { type Attributes, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { now } from "../metrics/data.ts";
import { VERSION } from "../version.ts";

export interface SelfMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly isMonotonic: boolean;
  readonly points: readonly (readonly [value: number, attributes: Attributes])[];
}

/** `read` is asked at each collection. */
export function selfProducer(read: () => readonly SelfMetric[]): MetricProducer {
  const startTime = now();
  const resource = resourceFromAttributes({});

  function toData({ name, description, unit, isMonotonic, points }: SelfMetric): MetricData {
    const endTime = now();
    return {
      descriptor: { name, description, unit, valueType: ValueType.INT },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic,
      dataPoints: points.map(([value, attributes]) => ({ startTime, endTime, value, attributes })),
    };
  }

  return {
    collect: async () => {
      const scopeMetrics = [{ scope: { name: "redtrail/self", version: VERSION }, metrics: read().map(toData) }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}
