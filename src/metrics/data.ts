// The series that RED aggregation counts in: they are OpenTelemetry data points, so a collection copies nothing.
import type { Attributes, HrTime } from "@opentelemetry/api";
import type { DataPoint } from "@opentelemetry/sdk-metrics";

/** Seconds; the semantic conventions' advice for HTTP durations. */
export const HTTP_DURATION_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

export interface HistogramValue {
  buckets: { boundaries: number[]; counts: number[] };
  sum: number;
  count: number;
}

export type HistogramSeries = { -readonly [K in keyof DataPoint<HistogramValue>]: DataPoint<HistogramValue>[K] };
export type CounterSeries = { -readonly [K in keyof DataPoint<number>]: DataPoint<number>[K] };

export function createHistogramSeries(attributes: Attributes, boundaries: readonly number[]): HistogramSeries {
  const counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  const startTime = now();
  return {
    attributes,
    startTime,
    endTime: startTime,
    value: { buckets: { boundaries: boundaries as number[], counts }, sum: 0, count: 0 },
  };
}

export function createCounterSeries(attributes: Attributes): CounterSeries {
  const startTime = now();
  return { attributes, startTime, endTime: startTime, value: 0 };
}

/** Counts one duration in seconds. A bucket holds what is at most its bound. */
export function recordDuration({ value }: HistogramSeries, seconds: number): void {
  const { boundaries, counts } = value.buckets;
  let index = 0;
  while (index < boundaries.length && seconds > (boundaries[index] as number)) index++;
  (counts[index] as number)++;
  value.sum += seconds;
  value.count++;
}

export function now(): HrTime {
  const ms = Date.now();
  return [Math.trunc(ms / 1000), (ms % 1000) * 1e6];
}
