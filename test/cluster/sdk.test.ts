// The SDK's own instruments of two processes, in one sum: as if one process had recorded everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationType,
  DataPointType,
  type ExponentialHistogram,
  MeterProvider,
  MetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { SeriesEncoder } from "../../src/cluster/encoder.ts";
import { emptyExponential, addExponential, readExponential } from "../../src/cluster/exponential.ts";
import { MergedMetrics } from "../../src/cluster/merged-metrics.ts";
import { Mirror } from "../../src/cluster/mirror.ts";
import { valuesOf } from "./support.ts";

class TestReader extends MetricReader {
  async onShutdown(): Promise<void> {}
  async onForceFlush(): Promise<void> {}
}

function createProcess(): { record: (value: number) => void; collect: () => Promise<ResourceMetrics> } {
  const reader = new TestReader();
  const provider = new MeterProvider({
    resource: resourceFromAttributes({}),
    readers: [reader],
    views: [{ instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  const meter = provider.getMeter("app");
  let observed = 0;
  const counter = meter.createCounter("counter");
  const updown = meter.createUpDownCounter("updown");
  const histogram = meter.createHistogram("histogram");
  const exponential = meter.createHistogram("exponential");
  meter.createObservableCounter("observed").addCallback((result) => result.observe(observed, { key: "a" }));
  return {
    record(value) {
      observed++;
      counter.add(1, { key: "a" });
      updown.add(2);
      histogram.record(value);
      exponential.record(value);
    },
    collect: async () => (await reader.collect()).resourceMetrics,
  };
}

test("Instruments of the SDK add up over collections, exponential histograms of different scales included", async () => {
  const merged = new MergedMetrics();
  const one = { ...createProcess(), encoder: new SeriesEncoder(), mirror: new Mirror(merged, "1") };
  const two = { ...createProcess(), encoder: new SeriesEncoder(), mirror: new Mirror(merged, "2") };
  const all = createProcess();
  for (const values of [
    [1, 1.001],
    [1e-6, 1e9],
    [-3, 0, 5],
  ]) {
    for (const [index, member] of [one, two].entries()) {
      for (const value of values) for (const target of [member, all]) target.record(value * (index * 100 + 1));
      const { scopeMetrics } = await member.collect();
      for (const message of member.encoder.encode(scopeMetrics, { asked: "all" })) member.mirror.apply(message);
    }
  }
  const expected = await all.collect();
  assert.deepEqual(valuesOf(merged.collect()), { ...valuesOf(expected.scopeMetrics) });
  const [ours, theirs] = [exponentialOf(merged.collect()), exponentialOf(expected.scopeMetrics)];
  assert.ok(ours.scale <= theirs.scale + 2);
  assert.equal(sumOf(ours.positive.bucketCounts), sumOf(theirs.positive.bucketCounts));
  assert.equal(sumOf(ours.negative.bucketCounts), sumOf(theirs.negative.bucketCounts));
  assert.equal(ours.zeroCount, theirs.zeroCount);
  // At the coarser of the two scales the buckets are the same.
  const [a, b] = [coarse(ours), coarse(theirs)];
  assert.deepEqual(a, b);
});

test("A series of the SDK is introduced once, however often it is collected", async () => {
  const { record, collect } = createProcess();
  const encoder = new SeriesEncoder();
  record(1);
  const [first] = encoder.encode((await collect()).scopeMetrics, { asked: "all" });
  assert.equal(first?.series.length, 5);
  assert.deepEqual(encoder.encode((await collect()).scopeMetrics, { asked: "all" }), []);
  record(2);
  const [second] = encoder.encode((await collect()).scopeMetrics, { asked: "all" });
  assert.deepEqual([second?.series, second?.gone], [[], []]);
});

test("Exponential buckets that are far apart become coarser instead of many", () => {
  const into = emptyExponential();
  for (const offset of [-(2 ** 30), 0, 2 ** 30]) {
    const one = readExponential([1, 1, 20, 0, 0, offset, 1, 1, 0]);
    assert.ok(one !== undefined);
    addExponential(into, one, 1);
  }
  assert.equal(sumOf(into.positive.bucketCounts), 3);
  assert.ok(into.positive.bucketCounts.length <= 640);
});

for (const numbers of [
  [],
  [1, 1, 30, 0, 0, 0, 0, 0],
  [1, 1, 3, 0, 0, 0.5, 0, 0],
  [1, 1, 3, 0, 0, 0, 5, 0],
  [1, -1, 3, 0, 0, 0, 0, 0],
]) {
  test(`readExponential does not take ${JSON.stringify(numbers)}`, () => {
    assert.equal(readExponential(numbers), undefined);
  });
}

function exponentialOf(scopeMetrics: ResourceMetrics["scopeMetrics"]): ExponentialHistogram {
  const metrics = scopeMetrics.flatMap(({ metrics }) => metrics);
  const found = metrics.find(({ dataPointType }) => dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM);
  return found?.dataPoints[0]?.value as ExponentialHistogram;
}

/** Bucket -> count at scale -2, which both are finer than. */
function coarse({ scale, positive }: ExponentialHistogram): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const [index, count] of positive.bucketCounts.entries()) {
    const bucket = (positive.offset + index) >> (scale + 2);
    if (count > 0) counts[bucket] = (counts[bucket] ?? 0) + count;
  }
  return counts;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, one) => sum + one, 0);
}
