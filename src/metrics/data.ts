// The series that RED aggregation counts in: they are OpenTelemetry data points, so a collection copies nothing.
import type { Attributes, HrTime } from "@opentelemetry/api";
import type { DataPoint } from "@opentelemetry/sdk-metrics";
import {
  type ExponentialBuckets,
  createExponentialBuckets,
  exponentialIndex,
  recordExponential,
} from "./exponential.ts";
import { type Exemplar, type Origin, updateExemplar } from "./exemplar.ts";

export interface HistogramValue {
  buckets: { boundaries: number[]; counts: number[] };
  sum: number;
  count: number;
}

export interface HistogramSeries extends Writable<DataPoint<HistogramValue>> {
  /** Unix seconds of the newest recording; 0 before the first. */
  lastSeen: number;
  /** By the index of the classic bucket that holds its value. */
  exemplars?: (Exemplar | undefined)[];
  exponential?: ExponentialBuckets;
}

export interface CounterSeries extends Writable<DataPoint<number>> {
  lastSeen: number;
  exemplar?: Exemplar | undefined;
}

type Writable<Type> = { -readonly [K in keyof Type]: Type[K] };

export function createHistogramSeries(
  attributes: Attributes,
  boundaries: readonly number[],
  withExponential = false,
): HistogramSeries {
  const counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  const startTime = now();
  return {
    attributes,
    startTime,
    endTime: startTime,
    value: { buckets: { boundaries: boundaries as number[], counts }, sum: 0, count: 0 },
    lastSeen: 0,
    ...(withExponential ? { exponential: createExponentialBuckets() } : {}),
  };
}

export function createCounterSeries(attributes: Attributes): CounterSeries {
  const startTime = now();
  return { attributes, startTime, endTime: startTime, value: 0, lastSeen: 0 };
}

/** A value on its way into histograms: where it falls is found out once for all that have the same buckets. */
export interface Measurement {
  value: number;
  exponentialIndex: number;
  boundaries: readonly number[] | undefined;
  bucket: number;
}

/** Fills and returns `measurement`, or a new one. */
export function measure(value: number, measurement?: Measurement): Measurement {
  if (measurement === undefined) {
    return { value, exponentialIndex: exponentialIndex(value), boundaries: undefined, bucket: 0 };
  }
  measurement.value = value;
  measurement.exponentialIndex = exponentialIndex(value);
  measurement.boundaries = undefined;
  return measurement;
}

/** Counts one value, as a rule seconds. A bucket holds what is at most its bound. */
export function record(series: HistogramSeries, measured: Measurement, atSeconds: number, origin?: Origin): void {
  const histogram = series.value;
  const { boundaries, counts } = histogram.buckets;
  const { value } = measured;
  if (measured.boundaries !== boundaries) {
    const last = boundaries.length;
    let index = 0;
    while (index < last && value > (boundaries[index] as number)) index++;
    measured.boundaries = boundaries;
    measured.bucket = index;
  }
  const { bucket } = measured;
  (counts[bucket] as number)++;
  histogram.sum += value;
  histogram.count++;
  // A span of long ago, as somebody may import one, makes no series look idle.
  if (atSeconds > series.lastSeen) series.lastSeen = atSeconds;
  if (series.exponential !== undefined) recordExponential(series.exponential, measured.exponentialIndex);
  if (origin === undefined) return;
  series.exemplars ??= Array.from({ length: counts.length }, () => undefined);
  series.exemplars[bucket] = updateExemplar(series.exemplars[bucket], value, origin);
}

export function recordValue(series: HistogramSeries, value: number, atSeconds: number, origin?: Origin): void {
  record(series, measure(value), atSeconds, origin);
}

export function countOne(series: CounterSeries, atSeconds: number, origin?: Origin): void {
  series.value++;
  if (atSeconds > series.lastSeen) series.lastSeen = atSeconds;
  if (origin !== undefined) series.exemplar = updateExemplar(series.exemplar, 1, origin);
}

export function now(): HrTime {
  const ms = Date.now();
  return [Math.trunc(ms / 1000), (ms % 1000) * 1e6];
}
