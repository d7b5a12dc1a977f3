// An exponential histogram of fixed scale beside the classic one: Prometheus takes it as a native histogram.
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram

/** Bucket `offset + i` of `positive` holds (2^((offset+i)/2^scale), 2^((offset+i+1)/2^scale)]. */
export interface ExponentialBuckets {
  readonly scale: number;
  /** What is not greater is counted in `zeroCount`. */
  readonly zeroThreshold: number;
  zeroCount: number;
  positive: { offset: number; bucketCounts: number[] };
}

/** A bound is 1.09 times the one before it, so a quantile is off by 4.5 % at most. */
const SCALE = 3;
const PER_DOUBLING = 2 ** SCALE;
/** A microsecond, about. */
const ZERO_THRESHOLD = 2 ** -20;
/** 97 days in seconds: longer durations go to the last bucket, so that a series has 368 at most. */
const MAX_INDEX = 23 * PER_DOUBLING - 1;

export function createExponentialBuckets(): ExponentialBuckets {
  return {
    scale: SCALE,
    zeroThreshold: ZERO_THRESHOLD,
    zeroCount: 0,
    positive: { offset: 0, bucketCounts: [] },
  };
}

/** Where a double's bits can be looked at: its exponent is the doubling, without a logarithm. */
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const LOW = 1 - HIGH;
/** Upper bounds of a doubling's buckets but the last: 2^(1/8) to 2^(7/8). */
const STEPS = Float64Array.from({ length: PER_DOUBLING - 1 }, (_, index) => 2 ** ((index + 1) / PER_DOUBLING));

/** The index of the bucket that holds a value; -Infinity for what counts as zero. */
export function exponentialIndex(value: number): number {
  if (!(value > ZERO_THRESHOLD)) return -Infinity;
  double[0] = value;
  const high = words[HIGH] as number;
  const exponent = (high >>> 20) - 1023;
  // A bucket includes its upper bound, so a power of two is the last of the doubling before.
  if ((high & 0xf_ffff) === 0 && words[LOW] === 0) return Math.min(exponent * PER_DOUBLING - 1, MAX_INDEX);
  words[HIGH] = (high & 0xf_ffff) | (1023 << 20);
  const mantissa = double[0];
  let step = mantissa > (STEPS[3] as number) ? 4 : 0;
  while (step < PER_DOUBLING - 1 && mantissa > (STEPS[step] as number)) step++;
  return Math.min(exponent * PER_DOUBLING + step, MAX_INDEX);
}

/** `index` is the value's `exponentialIndex`. */
export function recordExponential(buckets: ExponentialBuckets, index: number): void {
  if (index === -Infinity) {
    buckets.zeroCount++;
    return;
  }
  const { positive } = buckets;
  const { bucketCounts } = positive;
  const at = index - positive.offset;
  if (at >= 0 && at < bucketCounts.length) (bucketCounts[at] as number)++;
  else addBucket(positive, index);
}

function addBucket(positive: ExponentialBuckets["positive"], index: number): void {
  const { bucketCounts } = positive;
  if (bucketCounts.length === 0) positive.offset = index;
  while (positive.offset > index) {
    bucketCounts.unshift(0);
    positive.offset--;
  }
  while (positive.offset + bucketCounts.length <= index) bucketCounts.push(0);
  (bucketCounts[index - positive.offset] as number)++;
}
