// The sum of members: what each kind of metric does when a member counts, begins again, leaves and comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import { SeriesEncoder } from "../../src/cluster/encoder.ts";
import { MergedMetrics } from "../../src/cluster/merged-metrics.ts";
import { Mirror } from "../../src/cluster/mirror.ts";
import { parseMessage, type Points } from "../../src/cluster/protocol.ts";
import { createHistogramSeries, recordValue } from "../../src/metrics/data.ts";
import { histogramData } from "../../src/metrics/metric-data.ts";
import { counter, gauge, histogram, inScope, updown, valuesOf } from "./support.ts";

/** A member as the leader sees it; `say` carries its metrics there as JSON would. */
function createMember(
  merged: MergedMetrics,
  label: string,
): { say: (...metrics: MetricData[]) => void; mirror: Mirror } {
  const encoder = new SeriesEncoder();
  const mirror = new Mirror(merged, label);
  return {
    mirror,
    say(...metrics) {
      for (const message of encoder.encode(inScope(...metrics), { asked: "all" })) {
        const parsed = parseMessage(JSON.parse(JSON.stringify(message)));
        assert.ok(parsed !== undefined);
        mirror.apply(parsed as Points);
      }
    },
  };
}

type Step = readonly [member: "a" | "b", metric: MetricData | "leaves"];

const TABLE: readonly (readonly [name: string, steps: readonly Step[], expected: Record<string, number>])[] = [
  [
    "counters add up",
    [
      ["a", counter("c", 3)],
      ["b", counter("c", 4)],
      ["a", counter("c", 5)],
    ],
    { c: 9 },
  ],
  [
    "a counter outlives its member",
    [
      ["a", counter("c", 3)],
      ["b", counter("c", 4)],
      ["a", "leaves"],
    ],
    { c: 7 },
  ],
  [
    "a counter that went backwards has begun at zero",
    [
      ["a", counter("c", 9)],
      ["a", counter("c", 2)],
    ],
    { c: 11 },
  ],
  [
    "a counter with a later start has begun at zero, however high it is",
    [
      ["a", counter("c", 9)],
      ["a", counter("c", 12, {}, [2_000, 0])],
    ],
    { c: 21 },
  ],
  [
    "up-down counters add up",
    [
      ["a", updown("u", 3)],
      ["b", updown("u", 4)],
      ["a", updown("u", 1)],
    ],
    { u: 5 },
  ],
  [
    "an up-down counter leaves with its member",
    [
      ["a", updown("u", 3)],
      ["b", updown("u", 4)],
      ["a", "leaves"],
    ],
    { u: 4 },
  ],
  [
    "an up-down counter of nobody is not there",
    [
      ["a", updown("u", 3)],
      ["a", "leaves"],
    ],
    {},
  ],
  [
    "gauges stay apart",
    [
      ["a", gauge("g", 3)],
      ["b", gauge("g", 4)],
    ],
    { "g{worker=a}": 3, "g{worker=b}": 4 },
  ],
  [
    "a gauge leaves with its member",
    [
      ["a", gauge("g", 3)],
      ["b", gauge("g", 4)],
      ["a", "leaves"],
    ],
    { "g{worker=b}": 4 },
  ],
  ["a gauge keeps a worker of its own behind a slash", [["a", gauge("g", 3, { worker: "x" })]], { "g{worker=a/x}": 3 }],
  [
    "a metric that is no longer there: a gauge goes",
    [
      ["a", gauge("g", 3)],
      ["a", counter("c", 1)],
    ],
    { c: 1 },
  ],
  [
    "a counter that is away for a while counts once",
    [
      ["a", counter("c", 3)],
      ["a", counter("d", 1)],
      ["a", counter("c", 5)],
    ],
    { c: 5, d: 1 },
  ],
  [
    "histograms add up",
    [
      ["a", histogram("h", [1], [1, 2], 5)],
      ["b", histogram("h", [1], [3, 4], 6)],
      ["a", histogram("h", [1], [2, 2], 5.5)],
    ],
    { h: 11 },
  ],
  [
    "a histogram with other boundaries is left out",
    [
      ["a", histogram("h", [1], [1, 2], 5)],
      ["b", histogram("h", [2], [3, 4], 6)],
    ],
    { h: 3 },
  ],
  [
    "attributes in another order are the same",
    [
      ["a", counter("c", 1, { x: 1, y: 2 })],
      ["b", counter("c", 1, { y: 2, x: 1 })],
    ],
    { "c{x=1,y=2}": 2 },
  ],
];

for (const [name, steps, expected] of TABLE) {
  test(`Merged metrics: ${name}`, () => {
    const merged = new MergedMetrics();
    const members = { a: createMember(merged, "a"), b: createMember(merged, "b") };
    for (const [who, what] of steps) {
      if (what === "leaves") members[who].mirror.depart();
      else members[who].say(what);
    }
    assert.deepEqual(valuesOf(merged.collect()), expected);
  });
}

test("Merged histograms add up bucket by bucket, and begin again with their member", () => {
  const merged = new MergedMetrics();
  const [a, b] = [createMember(merged, "a"), createMember(merged, "b")];
  a.say(histogram("h", [1, 2], [1, 2, 3], 10));
  b.say(histogram("h", [1, 2], [1, 0, 0], 0.5));
  a.say(histogram("h", [1, 2], [0, 1, 0], 1.5));
  const [point] = merged.collect()[0]?.metrics[0]?.dataPoints ?? [];
  const expected = { buckets: { boundaries: [1, 2], counts: [2, 3, 3] }, sum: 12, count: 8 };
  assert.deepEqual(point?.value, expected);
});

test("A merged point keeps its attributes object, and its start", () => {
  const merged = new MergedMetrics();
  const a = createMember(merged, "a");
  a.say(counter("c", 1, { x: 1 }));
  const [first] = merged.collect()[0]?.metrics[0]?.dataPoints ?? [];
  const { attributes, startTime } = first ?? {};
  a.say(counter("c", 1, { x: 1 }, [3_000, 0]));
  const [second] = merged.collect()[0]?.metrics[0]?.dataPoints ?? [];
  assert.equal(second?.attributes, attributes);
  assert.equal(second?.startTime, startTime);
});

test("A member that is withdrawn leaves what the others have counted", () => {
  const merged = new MergedMetrics();
  const [a, b] = [createMember(merged, "a"), createMember(merged, "b")];
  a.say(counter("c", 3), histogram("h", [1], [1, 1], 2), updown("u", 1));
  b.say(counter("c", 4), histogram("h", [1], [2, 2], 2), updown("u", 1));
  a.mirror.withdraw();
  assert.deepEqual(valuesOf(merged.collect()), { c: 4, h: 4, u: 1 });
});

test("A member that comes back over another link counts once", () => {
  const merged = new MergedMetrics();
  const a = createMember(merged, "a");
  a.say(counter("c", 3));
  a.mirror.depart();
  const [message] = new SeriesEncoder().encode(inScope(counter("c", 5)), { asked: "all" });
  a.mirror.apply(message as Points);
  assert.deepEqual(valuesOf(merged.collect()), { c: 5 });
});

test("Merged metrics take as many series as their limit, and count the others", () => {
  const merged = new MergedMetrics(2);
  const a = createMember(merged, "a");
  a.say(counter("c", 1, { x: 1 }), counter("c", 1, { x: 2 }), counter("c", 1, { x: 3 }));
  a.say(counter("c", 2, { x: 1 }), counter("c", 2, { x: 2 }), counter("c", 2, { x: 3 }));
  assert.deepEqual(valuesOf(merged.collect()), { "c{x=1}": 2, "c{x=2}": 2 });
  assert.equal(merged.lost.get("series_limit"), 1);
});

test("Exemplars: the newest of all members, a failed one before others", () => {
  const merged = new MergedMetrics();
  const say = (label: string, time: number, failed: boolean): void => {
    const series = createHistogramSeries({}, [1]);
    recordValue(series, 0.5, time, { time, traceId: label, spanId: "s", requestId: undefined, failed });
    series.startTime = [1_000, 0];
    createMember(merged, label).say(histogramData({ name: "h", description: "", unit: "s" }, [series]));
  };
  const traceId = (): string | undefined =>
    (merged.collect()[0]?.metrics[0]?.dataPoints[0] as ReturnType<typeof createHistogramSeries>).exemplars?.[0]
      ?.traceId;
  say("a", 5_000, false);
  say("b", 5_002, false);
  say("older", 5_001, false);
  assert.equal(traceId(), "b");
  say("failed", 5_000, true);
  say("newer", 5_003, false);
  assert.equal(traceId(), "failed");
});

test("Exponential buckets beside classic ones add up exactly", () => {
  const merged = new MergedMetrics();
  const all = createHistogramSeries({}, [1], true);
  for (const [label, values] of [
    ["a", [0.001, 0.5, 3]],
    ["b", [0, 100, 3]],
  ] as const) {
    const series = createHistogramSeries({}, [1], true);
    for (const value of values) for (const one of [series, all]) recordValue(one, value, 1);
    createMember(merged, label).say(histogramData({ name: "h", description: "", unit: "s" }, [series]));
  }
  const [point] = merged.collect()[0]?.metrics[0]?.dataPoints ?? [];
  const { exponential } = point as typeof all;
  assert.deepEqual(
    { zero: exponential?.zeroCount, positive: exponential?.positive, scale: exponential?.scale },
    { zero: all.exponential?.zeroCount, positive: all.exponential?.positive, scale: all.exponential?.scale },
  );
});
