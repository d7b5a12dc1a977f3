// Exponential histograms of several processes in one: on the wire, and added up at the coarsest scale among them.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponential-scale
import type { ExponentialHistogram } from "@opentelemetry/sdk-metrics";
import type { ExponentialBuckets } from "../metrics/exponential.ts";

interface Buckets {
  offset: number;
  bucketCounts: number[];
}

export interface MergedExponential {
  sum: number;
  count: number;
  scale: number;
  zeroThreshold: number;
  zeroCount: number;
  positive: Buckets;
  negative: Buckets;
}

/** Ranges of members that are far apart would need many empty buckets in between; then the scale becomes coarser. */
const MAX_BUCKETS = 640;
const MAX_SHIFT = 31;

export function emptyExponential(): MergedExponential {
  return {
    sum: 0,
    count: 0,
    scale: 20,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: { offset: 0, bucketCounts: [] },
    negative: { offset: 0, bucketCounts: [] },
  };
}

/** `[sum, count, scale, zeroThreshold, zeroCount, offset, length, ...positive, offset, ...negative]` */
export function exponentialNumbers(
  buckets: ExponentialBuckets | ExponentialHistogram,
  sum: number,
  count: number,
): number[] {
  const { scale, zeroCount, positive } = buckets;
  const zeroThreshold = "zeroThreshold" in buckets ? buckets.zeroThreshold : 0;
  const negative = "negative" in buckets ? buckets.negative : { offset: 0, bucketCounts: [] };
  const head = [sum, count, scale, zeroThreshold, zeroCount, positive.offset, positive.bucketCounts.length];
  return [...head, ...positive.bucketCounts, negative.offset, ...negative.bucketCounts];
}

/** Undefined where the numbers are not of one. */
export function readExponential(numbers: readonly number[]): MergedExponential | undefined {
  const [sum = 0, count = -1, scale = NaN, zeroThreshold = 0, zeroCount = 0, offset = NaN, length = NaN] = numbers;
  const end = 7 + length;
  const negativeOffset = numbers[end] ?? NaN;
  const whole = [scale, offset, length, negativeOffset];
  if (!whole.every(Number.isSafeInteger) || length < 0 || count < 0 || scale < -10 || scale > 20) return undefined;
  if (Math.abs(offset) > 2 ** 30 || Math.abs(negativeOffset) > 2 ** 30) return undefined;
  return {
    sum,
    count,
    scale,
    zeroThreshold,
    zeroCount,
    positive: { offset, bucketCounts: numbers.slice(7, end) },
    negative: { offset: negativeOffset, bucketCounts: numbers.slice(end + 1) },
  };
}

/** `into` += `factor` * `from` */
export function addExponential(into: MergedExponential, from: MergedExponential, factor: 1 | -1): void {
  coarsen(into, Math.min(into.scale, from.scale));
  for (const sign of ["positive", "negative"] as const) {
    const { offset, bucketCounts } = from[sign];
    for (const [index, count] of bucketCounts.entries()) {
      if (count !== 0) addAt(into, sign, (offset + index) >> shiftOf(from.scale, into.scale), count * factor);
    }
  }
  into.sum += from.sum * factor;
  into.count += from.count * factor;
  into.zeroCount += from.zeroCount * factor;
  into.zeroThreshold = Math.max(into.zeroThreshold, from.zeroThreshold);
}

function addAt(into: MergedExponential, sign: "positive" | "negative", given: number, count: number): void {
  let index = given;
  while (spanWith(into[sign], index) > MAX_BUCKETS) {
    coarsen(into, into.scale - 1);
    index >>= 1;
  }
  const buckets = into[sign];
  const { bucketCounts } = buckets;
  if (bucketCounts.length === 0) buckets.offset = index;
  for (; buckets.offset > index; buckets.offset--) bucketCounts.unshift(0);
  while (buckets.offset + bucketCounts.length <= index) bucketCounts.push(0);
  bucketCounts[index - buckets.offset] = (bucketCounts[index - buckets.offset] as number) + count;
}

function spanWith({ offset, bucketCounts: { length } }: Buckets, index: number): number {
  return length === 0 ? 1 : Math.max(offset + length - 1, index) - Math.min(offset, index) + 1;
}

function coarsen(into: MergedExponential, scale: number): void {
  const shift = shiftOf(into.scale, scale);
  into.scale = scale;
  if (shift === 0) return;
  for (const sign of ["positive", "negative"] as const) {
    const { offset, bucketCounts } = into[sign];
    if (bucketCounts.length === 0) continue;
    const first = offset >> shift;
    const counts = Array.from({ length: ((offset + bucketCounts.length - 1) >> shift) - first + 1 }, () => 0);
    for (const [index, count] of bucketCounts.entries()) {
      const at = ((offset + index) >> shift) - first;
      counts[at] = (counts[at] as number) + count;
    }
    into[sign] = { offset: first, bucketCounts: counts };
  }
}

function shiftOf(from: number, to: number): number {
  return Math.min(from - to, MAX_SHIFT);
}
