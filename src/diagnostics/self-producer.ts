// Makes metrics of numbers that redtrail keeps anyway: read at a collection, under a scope of its own.
import { type Attributes, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { now } from "../metrics/data.ts";
import { producerOf } from "../metrics/producer.ts";
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

  return producerOf(() => [{ scope: { name: "redtrail/self", version: VERSION }, metrics: read().map(toData) }]);
}
