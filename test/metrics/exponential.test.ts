import assert from "node:assert/strict";
import test from "node:test";
import { createExponentialBuckets, exponentialIndex, recordExponential } from "../../src/metrics/exponential.ts";

const BASE = 2 ** (1 / 8);

test("exponentialIndex puts 100,000 values into the bucket whose bounds they lie between", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  for (let i = 0; i < 100_000; i++) {
    const value = 2 ** (random() * 36 - 18);
    const index = exponentialIndex(value);
    // A bound that is irrational can only be met nearly.
    assert.ok(BASE ** index < value * (1 + 1e-12), `${value} is above the lower bound of ${index}`);
    assert.ok(value <= BASE ** (index + 1) * (1 + 1e-12), `${value} is at most the upper bound of ${index}`);
  }
});

for (const power of [-19, -10, -1, 0, 1, 5, 10]) {
  test(`exponentialIndex takes 2^${power} for the upper bound of its bucket, and what is next above for the next one`, () => {
    const value = 2 ** power;
    assert.equal(exponentialIndex(value), power * 8 - 1);
    assert.equal(exponentialIndex(value * (1 + Number.EPSILON)), power * 8);
    assert.equal(exponentialIndex(value * (1 - Number.EPSILON)), power * 8 - 1);
  });
}

test("exponentialIndex counts up to a microsecond as zero, and what takes months as the last bucket", () => {
  for (const value of [0, -1, Number.NaN, 2 ** -20]) assert.equal(exponentialIndex(value), -Infinity);
  assert.equal(exponentialIndex(2 ** -20 * 1.0001), -160);
  for (const value of [2 ** 23, 1e300, Infinity]) assert.equal(exponentialIndex(value), 183);
});

test("recordExponential grows to both sides, and loses nothing", () => {
  const buckets = createExponentialBuckets();
  for (const value of [1, 1, 0.5, 4, 0, 1e-9]) recordExponential(buckets, exponentialIndex(value));
  const { offset, bucketCounts } = buckets.positive;
  assert.equal(offset, -9);
  assert.equal(bucketCounts.length, 25);
  assert.deepEqual([bucketCounts[0], bucketCounts[8], bucketCounts[24]], [1, 2, 1]);
  assert.equal(
    bucketCounts.reduce((a, b) => a + b),
    4,
  );
  assert.equal(buckets.zeroCount, 2);
});
