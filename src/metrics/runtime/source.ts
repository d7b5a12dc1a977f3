// What a source of runtime metrics is, and the live metric data that it keeps.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#metric-points
import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type GaugeMetricData,
  type MetricData,
  type SumMetricData,
} from "@opentelemetry/sdk-metrics";
import type { WindowIndex } from "./rotation.ts";

export interface Reading {
  /** By `performance.now()`. */
  readonly nowMs: number;
  /** The window that values over time are read from. */
  readonly elder: WindowIndex;
  /** The window that begins afresh with this reading, if one does. */
  readonly emptied: WindowIndex | undefined;
}

export interface Source {
  /** Live: a reading writes into their data points. Without data points, a metric is left out. */
  readonly metrics: readonly MetricData[];
  /** Called once, when the app's loop runs: what costs time is done here. */
  start?(): void;
  read?(reading: Reading): void;
  stop?(): void;
}

export type NumberPoint = { -readonly [Key in keyof DataPoint<number>]: DataPoint<number>[Key] };

/** When the process began, which is where its counters began. */
const PROCESS_START: HrTime = [
  Math.trunc(performance.timeOrigin / 1000),
  Math.trunc((performance.timeOrigin % 1000) * 1e6),
];

interface Description {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** @default ValueType.DOUBLE */
  readonly valueType?: ValueType;
}

export function gauge({ valueType = ValueType.DOUBLE, ...descriptor }: Description): GaugeMetricData {
  return {
    descriptor: { ...descriptor, valueType },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: [],
  };
}

export function counter(description: Description): SumMetricData {
  return sum(description, true);
}

/** An UpDownCounter: a sum that may fall. */
export function upDownCounter(description: Description): SumMetricData {
  return sum({ valueType: ValueType.INT, ...description }, false);
}

function sum({ valueType = ValueType.DOUBLE, ...descriptor }: Description, isMonotonic: boolean): SumMetricData {
  return {
    descriptor: { ...descriptor, valueType },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: [],
  };
}

/** A data point that lives as long as its metric: serializers remember the labels of its attributes object. */
export function addPoint(metric: GaugeMetricData | SumMetricData, attributes: Attributes = {}): NumberPoint {
  const point: NumberPoint = { attributes, startTime: PROCESS_START, endTime: PROCESS_START, value: 0 };
  metric.dataPoints.push(point);
  return point;
}
