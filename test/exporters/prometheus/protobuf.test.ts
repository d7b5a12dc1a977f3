import assert from "node:assert/strict";
import test from "node:test";
import type { Attributes, Meter } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationType,
  DataPointType,
  type ExponentialHistogram,
  MeterProvider,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { type ExpositionOptions, createExposition } from "../../../src/exporters/prometheus/exposition.ts";
import { PullReader } from "../../../src/exporters/prometheus/reader.ts";
import {
  type HistogramSeries,
  countOne,
  createCounterSeries,
  createHistogramSeries,
  recordValue,
} from "../../../src/metrics/data.ts";
import type { Origin } from "../../../src/metrics/exemplar.ts";
import { histogramData, sumData } from "../../../src/metrics/metric-data.ts";
import { type DecodedFamily, type DecodedHistogram, decodeFamilies } from "../../support/proto-decode.ts";

const DESCRIPTOR = { name: "m", description: "", unit: "" };
const START: readonly [number, number] = [1_700_000_000, 123_000_000];

async function decoded(
  metrics: readonly MetricData[],
  { resource = {}, ...options }: ExpositionOptions & { readonly resource?: Attributes } = {},
): Promise<DecodedFamily[]> {
  const collected: ResourceMetrics = {
    resource: resourceFromAttributes(resource),
    scopeMetrics: [{ scope: { name: "lib", version: "2" }, metrics: [...metrics] }],
  };
  const expose = createExposition({ scopeLabels: false, targetInfo: false, ...options });
  const body = await expose(collected, { syntax: "protobuf", escaping: "allow-utf-8" });
  return decodeFamilies(Buffer.concat(body.chunks));
}

async function recorded(record: (meter: Meter) => void): Promise<DecodedFamily[]> {
  const reader = new PullReader();
  const provider = new MeterProvider({
    readers: [reader],
    views: [{ instrumentName: "exponential*", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  record(provider.getMeter("test"));
  const { scopeMetrics } = await reader.collectShared(1_000);
  return decoded(scopeMetrics.flatMap(({ metrics }) => metrics));
}

async function histogramOf(metric: MetricData): Promise<DecodedHistogram> {
  const [family] = await decoded([metric]);
  return family?.metrics[0]?.histogram as DecodedHistogram;
}

function exponential(value: Partial<ExponentialHistogram>): MetricData {
  const whole = {
    count: 0,
    sum: 0,
    scale: 3,
    zeroCount: 0,
    positive: { offset: 0, bucketCounts: [] },
    negative: { offset: 0, bucketCounts: [] },
    ...value,
  };
  return {
    ...histogramData(DESCRIPTOR, []),
    dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
    dataPoints: [{ attributes: {}, startTime: START, endTime: START, value: whole }],
  } as unknown as MetricData;
}

test("A counter, a gauge and a histogram are read as they were recorded", async () => {
  const families = await recorded((meter) => {
    meter.createCounter("jobs", { unit: "s", description: 'Jobs "done".\n' }).add(3.5, { queue: "a" });
    meter.createGauge("depth").record(-0);
    const histogram = meter.createHistogram("wait", { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1] } });
    for (const value of [0.05, 0.1, 0.5, 2]) histogram.record(value, { z: "1", a: "2" });
  });
  const now = Date.now() / 1000;
  const [depth, jobs, wait] = families as [DecodedFamily, DecodedFamily, DecodedFamily];
  assert.equal(families.length, 3);
  assert.deepEqual(
    { ...depth, metrics: depth.metrics.map(({ value }) => value) },
    { name: "depth", help: "", type: "gauge", unit: "", metrics: [-0] },
  );
  assert.deepEqual(
    [jobs.name, jobs.help, jobs.type, jobs.unit],
    ["jobs_seconds_total", 'Jobs "done".\n', "counter", "seconds"],
  );
  const [job] = jobs.metrics;
  assert.deepEqual([job?.labels, job?.value, job?.exemplar], [[["queue", "a"]], 3.5, undefined]);
  assert.ok(Math.abs((job?.created?.[0] as number) - now) < 60);
  assert.deepEqual([wait.name, wait.type, wait.unit], ["wait_seconds", "histogram", "seconds"]);
  assert.deepEqual(wait.metrics[0]?.labels, [
    ["a", "2"],
    ["z", "1"],
  ]);
  const { created, ...histogram } = wait.metrics[0]?.histogram as DecodedHistogram;
  assert.ok(Math.abs((created?.[0] as number) - now) < 60);
  assert.deepEqual(histogram, {
    count: 4,
    sum: 2.65,
    buckets: [
      { upperBound: 0.1, cumulativeCount: 2, exemplar: undefined },
      { upperBound: 1, cumulativeCount: 3, exemplar: undefined },
      { upperBound: Infinity, cumulativeCount: 4, exemplar: undefined },
    ],
    native: undefined,
  });
});

test("Values are doubles, and counts whole numbers of 64 bits", async () => {
  const values = [0, -0, 2 ** 53 + 2, 1e308, 5e-324, Infinity, -Infinity, Number.NaN, -1.5];
  const families = await recorded((meter) => {
    meter.createObservableGauge("g").addCallback((result) => {
      for (const [index, value] of values.entries()) result.observe(value, { index });
    });
  });
  assert.deepEqual(
    families[0]?.metrics.map(({ value }) => value),
    values,
  );
  const series = createHistogramSeries({}, []);
  Object.assign(series.value, { count: 2 ** 53, buckets: { boundaries: [], counts: [2 ** 53] } });
  assert.equal((await histogramOf(histogramData(DESCRIPTOR, [series]))).count, 2 ** 53);
});

test("The start time keeps its nanoseconds", async () => {
  const series = { ...createCounterSeries({}), startTime: [1_700_000_000, 999_999_999] as [number, number] };
  const [family] = await decoded([sumData(DESCRIPTOR, true, [series])]);
  assert.deepEqual(family?.metrics[0]?.created, [1_700_000_000, 999_999_999]);
});

test("target_info is a gauge with all resource attributes, and scope labels are on each metric", async () => {
  const gauge = sumData(DESCRIPTOR, false, [createCounterSeries({ "a.b": "é\ud800" })]);
  const families = await decoded([gauge], {
    scopeLabels: true,
    targetInfo: true,
    resource: { "service.name": "shop" },
  });
  assert.deepEqual(
    families.map(({ name, type, metrics }) => [name, type, metrics[0]?.labels, metrics[0]?.value]),
    [
      [
        "m",
        "gauge",
        [
          ["a_b", "é\ufffd"],
          ["otel_scope_name", "lib"],
          ["otel_scope_version", "2"],
        ],
        0,
      ],
      ["target_info", "gauge", [["service_name", "shop"]], 1],
    ],
  );
});

test("A histogram that lacks a sum is read with the sum 0", async () => {
  const series = createHistogramSeries({}, [1]);
  recordValue(series, 0.5, 0);
  Object.assign(series.value, { sum: undefined });
  const { count, sum } = await histogramOf(histogramData(DESCRIPTOR, [series]));
  assert.deepEqual({ count, sum }, { count: 1, sum: 0 });
});

/** Prometheus' bucket of a value: it ends at 2^(index / 2^schema). */
function bucketOf(value: number, schema: number): number {
  return Math.ceil(Math.log2(value) * 2 ** schema - 1e-9);
}

function countBuckets(values: readonly number[], schema: number): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const value of values) counts[bucketOf(value, schema)] = (counts[bucketOf(value, schema)] ?? 0) + 1;
  return counts;
}

test("RED's histograms are classic and native, and both count the same", async () => {
  const values = [0.0001, 0.003, 0.003, 0.0031, 0.02, 0.5, 1, 1, 2, 59, 3600];
  const series = createHistogramSeries({}, [0.005, 1], true);
  for (const value of [0, 1e-9, ...values]) recordValue(series, value, 0);
  const { native, buckets, count } = await histogramOf(histogramData(DESCRIPTOR, [series]));
  assert.equal(count, 13);
  assert.deepEqual(
    buckets.map(({ cumulativeCount }) => cumulativeCount),
    [6, 10, 13],
  );
  assert.equal(native?.schema, 3);
  assert.equal(native.zeroCount, 2);
  assert.equal(native.zeroThreshold, 2 ** -20);
  assert.deepEqual(native.positive, countBuckets(values, 3));
  assert.deepEqual(native.negative, {});
});

test("An exponential histogram of the SDK is native, its scale brought down to 8", async () => {
  const values = [1, 1.0001, 1.001, 1.01, 1.02, 1.5];
  const families = await recorded((meter) => {
    const histogram = meter.createHistogram("exponential");
    for (const value of [...values, 0]) histogram.record(value);
  });
  const { native, buckets, count, sum } = families[0]?.metrics[0]?.histogram as DecodedHistogram;
  assert.deepEqual(buckets, []);
  assert.deepEqual(
    { count, zeroCount: native?.zeroCount, schema: native?.schema },
    { count: 7, zeroCount: 1, schema: 8 },
  );
  assert.ok(Math.abs(sum - values.reduce((a, b) => a + b)) < 1e-9);
  assert.deepEqual(native?.positive, countBuckets(values, 8));
});

/** Of one value's bucket at a high scale, merged down to 8. */
test("Scales beyond 8 are merged two and two, on both sides of zero", async () => {
  for (const scale of [8, 9, 10, 12, 20]) {
    for (const offset of [-5, -4, -1, 0, 1, 3, 1000, -1000]) {
      const bucketCounts = Array.from({ length: 40 }, (_, index) => (index % 5 === 0 ? 0 : index));
      const count = bucketCounts.reduce((a, b) => a + b);
      const metric = exponential({ scale, count, positive: { offset, bucketCounts } });
      const { native } = await histogramOf(metric);
      const expected: Record<number, number> = {};
      for (const [index, bucket] of bucketCounts.entries()) {
        const at = Math.floor((offset + index) / 2 ** (scale - 8)) + 1;
        if (bucket > 0) expected[at] = (expected[at] ?? 0) + bucket;
      }
      assert.equal(native?.schema, 8);
      assert.deepEqual(native.positive, expected, `scale ${scale}, offset ${offset}`);
    }
  }
});

test("OpenTelemetry's bucket i is Prometheus' bucket i + 1; gaps become spans", async () => {
  const { native } = await histogramOf(
    exponential({ count: 11, positive: { offset: -3, bucketCounts: [0, 1, 2, 0, 0, 0, 5, 3, 0] } }),
  );
  assert.deepEqual(native?.positiveSpans, [
    [-1, 2],
    [3, 2],
  ]);
  assert.deepEqual(native.positive, { "-1": 1, "0": 2, "4": 5, "5": 3 });
});

test("Negative values have buckets of their own", async () => {
  const { native } = await histogramOf(
    exponential({
      count: 7,
      zeroCount: 1,
      positive: { offset: 0, bucketCounts: [1] },
      negative: { offset: 2, bucketCounts: [2, 0, 3] },
    }),
  );
  assert.deepEqual(native?.negative, { "3": 2, "5": 3 });
  assert.deepEqual(native.negativeSpans, [
    [3, 1],
    [1, 1],
  ]);
  assert.deepEqual(native.positive, { "1": 1 });
});

const SCALES: readonly (readonly [number, number | undefined])[] = [
  [-4, -4],
  [-5, undefined],
  [-10, undefined],
  [8, 8],
  [9, 8],
];
for (const [scale, schema] of SCALES) {
  test(`Scale ${scale} is ${schema === undefined ? "too coarse to be native: only count and sum are left" : `schema ${schema}`}`, async () => {
    const { native, count, sum } = await histogramOf(
      exponential({ scale, count: 2, sum: 5, positive: { offset: 0, bucketCounts: [2] } }),
    );
    assert.deepEqual({ schema: native?.schema, count, sum }, { schema, count: 2, sum: 5 });
  });
}

/** Without span, zero count or zero threshold, Prometheus reads a classic histogram. */
const empty: readonly (readonly [string, Partial<ExponentialHistogram>, number])[] = [
  ["no buckets", {}, 1],
  ["buckets of zeros", { positive: { offset: 5, bucketCounts: [0, 0] } }, 1],
  ["zeros", { count: 2, zeroCount: 2 }, 0],
  ["positive values", { count: 1, positive: { offset: 5, bucketCounts: [1] } }, 1],
  ["negative values", { count: 1, negative: { offset: 5, bucketCounts: [1] } }, 0],
];
for (const [what, value, spans] of empty) {
  test(`An exponential histogram of ${what} is read as native, by ${spans} positive spans`, async () => {
    const { native } = await histogramOf(exponential(value));
    assert.equal(native?.positiveSpans.length, spans);
    if (value.positive?.bucketCounts[0] !== 1 && spans === 1) assert.deepEqual(native.positiveSpans, [[0, 0]]);
  });
}

function origin(about: Partial<Origin> = {}): Origin {
  return {
    time: Math.floor(Date.now() / 1000) - 1 + 0.25,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    requestId: undefined,
    failed: false,
    ...about,
  };
}

test("Exemplars are in the bucket of their value and on the counter, with time and request id", async () => {
  const histogram = createHistogramSeries({}, [0.5, 1], true);
  const counter = createCounterSeries({});
  const about = origin({ requestId: "é\ud800" });
  recordValue(histogram, 0.75, 0, about);
  recordValue(histogram, 7, 0, about);
  countOne(counter, 0, about);
  const { buckets } = await histogramOf(histogramData(DESCRIPTOR, [histogram]));
  const [family] = await decoded([sumData(DESCRIPTOR, true, [counter])]);
  const expected = {
    labels: { trace_id: about.traceId, span_id: about.spanId, request_id: "é\ufffd" },
    timestamp: [Math.floor(about.time), 250_000_000],
  };
  assert.deepEqual(
    buckets.map(({ exemplar }) => exemplar),
    [undefined, { ...expected, value: 0.75 }, { ...expected, value: 7 }],
  );
  assert.deepEqual(family?.metrics[0]?.exemplar, { ...expected, value: 1 });
});

test("Exemplars of ten minutes and more, and request ids that do not fit, are left out", async () => {
  const nowS = Math.floor(Date.now() / 1000);
  const exemplarOf = async (about: Partial<Origin>): Promise<HistogramExemplar> => {
    const series: HistogramSeries = createHistogramSeries({}, []);
    recordValue(series, 1, 0, origin(about));
    return (await histogramOf(histogramData(DESCRIPTOR, [series]))).buckets[0]?.exemplar;
  };
  assert.ok(await exemplarOf({ time: nowS - 590 }));
  assert.equal(await exemplarOf({ time: nowS - 600 }), undefined);
  assert.equal((await exemplarOf({ requestId: "x".repeat(55) }))?.labels["request_id"], "x".repeat(55));
  assert.deepEqual(Object.keys((await exemplarOf({ requestId: "x".repeat(56) }))?.labels ?? {}), [
    "trace_id",
    "span_id",
  ]);
});

type HistogramExemplar = DecodedHistogram["buckets"][number]["exemplar"];

test("A family of many series is one message, however long", async () => {
  const series = Array.from({ length: 3_000 }, (_, index) => ({
    ...createCounterSeries({ index, text: "x".repeat(index % 300) }),
    value: index,
  }));
  const families = await decoded([sumData(DESCRIPTOR, true, series)]);
  assert.equal(families.length, 1);
  assert.deepEqual(
    families[0]?.metrics.map(({ value }) => value),
    series.map(({ value }) => value),
  );
});

test("A histogram with counts that are no numbers is left out, and nothing hangs", async () => {
  const whole = sumData({ name: "whole", description: "", unit: "" }, false, [createCounterSeries({})]);
  for (const value of [
    { count: Infinity },
    { count: -1 },
    { count: Number.NaN },
    { sum: "1" },
    { zeroCount: Infinity },
    { count: 1, positive: { offset: 0, bucketCounts: [Infinity] } },
    { count: 1, positive: { offset: Number.NaN, bucketCounts: [1] } },
    { count: 1, positive: { offset: 0, bucketCounts: [Number.NaN] } },
    { count: 1, positive: undefined },
  ]) {
    const families = await decoded([exponential(value as never), whole]);
    assert.deepEqual(
      families.map(({ name }) => name),
      ["whole"],
      JSON.stringify(value),
    );
  }
});
