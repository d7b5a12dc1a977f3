// OpenTelemetry metric data around live series: names, units and types for a reader, nothing copied.
import { type HrTime, ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import { type CounterSeries, type HistogramSeries, now } from "./data.ts";

interface Descriptor {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
}

export function histogramData(descriptor: Descriptor, dataPoints: readonly HistogramSeries[]): MetricData {
  return {
    descriptor: { ...descriptor, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: stamped(dataPoints),
  };
}

export function sumData(
  descriptor: Descriptor,
  isMonotonic: boolean,
  dataPoints: readonly Omit<CounterSeries, "lastSeen">[],
): MetricData {
  return {
    descriptor: { ...descriptor, valueType: ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: stamped(dataPoints),
  };
}

export function gaugeData(descriptor: Descriptor, dataPoints: readonly Omit<CounterSeries, "lastSeen">[]): MetricData {
  return {
    descriptor: { ...descriptor, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: stamped(dataPoints),
  };
}

/** Metric data has mutable arrays by its type; a reader changes none. */
function stamped<Point extends { endTime: HrTime }>(points: readonly Point[]): Point[] {
  const time = now();
  for (const point of points) point.endTime = time;
  return points as Point[];
}
