// Random spans of hostile attributes, from a seed: nothing throws, and no count is lost or made up.
import assert from "node:assert/strict";
import test from "node:test";
import { type HrTime, SpanKind } from "@opentelemetry/api";
import type { CounterSeries, HistogramSeries } from "../../src/metrics/data.ts";
import { FAMILIES, MESSAGING_QUEUE_TIME, familyOf } from "../../src/metrics/families.ts";
import type { RedMetricsOptions } from "../../src/metrics/red-options.ts";
import { NOW_S, createMetrics, span } from "./span.ts";

const CALLS = "traces.span.metrics.calls";
const KEYS = [
  ["http.request.method", "http.method", "http.route", "http.response.status_code", "http.status_code", "url.scheme"],
  ["network.protocol.version", "error.type", "server.address", "server.port", "net.peer.name", "url.template"],
  ["db.system", "db.system.name", "db.operation", "db.name", "db.sql.table", "db.response.status_code"],
  ["messaging.system", "messaging.destination.name", "messaging.operation", "messaging.destination.temporary"],
  ["messaging.destination.template", "redtrail.messaging.queue.time", "messaging.servicebus.message.enqueued_time"],
  ["rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code", "http.request.id", "redtrail.http.streaming"],
  ["tenant", "span.name", "service.name", "__proto__", "constructor"],
].flat();
const VALUES: readonly unknown[] = [
  ["GET", "POST", "get", "/users/:id", "/users/42", "", " ", "_other", "_OTHER", "true", "200", "500", "receive"],
  [
    "client_aborted",
    "cancelled",
    "incomplete_response",
    "\uD800",
    "\uDC00x",
    "\0",
    "a\0b",
    '\n"\\',
    "x".repeat(100_000),
  ],
  ["\u{1F600}".repeat(500), 0, -0, -1, 1.5, 200, 404, 503, 1e30, Number.NaN, Infinity, -Infinity, 2 ** 53, true, false],
  [null, undefined, 1n, { a: { b: [1, null] } }, { toString: 1, valueOf: 2 }, { toJSON: 1 }, Object.create(null)],
].flat();
const ARRAYS: readonly unknown[] = [
  [],
  ["a", "b"],
  [1, null, Number.NaN],
  [[["deep"]]],
  [1n],
  new Uint8Array([1, 2, 255]),
];

/** Mulberry32. */
function createRandom(seed: number): { (): number; of<Value>(values: readonly Value[]): Value } {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Object.assign(random, {
    of: <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value,
  });
}

function createSpan(random: ReturnType<typeof createRandom>, endS: number): ReturnType<typeof span> {
  const attributes: Record<string, unknown> = {};
  for (let count = Math.floor(random() * 12); count > 0; count--) {
    attributes[random.of(KEYS)] = random.of(random() < 0.2 ? ARRAYS : VALUES);
  }
  const odd = random() < 0.05 ? random.of([Number.NaN, Infinity, -1e9, 1e15, 0]) : endS;
  const duration = random.of<HrTime>([
    [0, 5e6],
    [0, 0],
    [-1, 0],
    [1e9, 0],
    [Number.NaN, 0],
    [Infinity, 0],
    [0, 123_456],
  ]);
  const exception = random() < 0.2 ? random.of(["TypeError", "x".repeat(10_000), "\uD800"]) : undefined;
  return span({
    kind: random.of([SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]),
    name: random.of([
      "GET",
      "a",
      "b",
      "",
      "x".repeat(50_000),
      "\uD800",
      "_other",
      "a\0b",
      String(Math.floor(random() * 500)),
    ]),
    attributes,
    code: random.of([0, 0, 1, 2, 7]),
    duration,
    endS: odd,
    startS: odd,
    isSampled: random() < 0.5,
    ...(exception === undefined ? {} : { exception }),
  });
}

const DIMENSIONS = [
  { key: "tenant", fallback: undefined, only: undefined },
  { key: "error.type", fallback: "none", only: "calls" as const },
];
const configurations: readonly (readonly [string, Partial<RedMetricsOptions>])[] = [
  ["defaults", {}],
  ["dimensions and classes", { dimensions: DIMENSIONS, errorClasses: [{ kind: "server", from: 400, to: 599 }] }],
  ["small limits", { dimensions: DIMENSIONS, seriesLimit: 7, labelLimits: { "span.name": 3, tenant: 1 } }],
  ["everything counted, by ids", { templateIds: true, aborted: "include", streams: "include", profile: "both" }],
  [
    "in milliseconds, every span an example",
    { unit: "ms", exemplarFilter: "always_on", aborted: "exclude", slo: [0.3] },
  ],
];
for (const [title, options] of configurations) {
  test(`RedMetrics loses no call of 20,000 random spans, and no sum becomes NaN: ${title}`, () => {
    const random = createRandom(title.length);
    const { metrics, total, family } = createMetrics({ ...options, idleAfterS: 0 });
    const given = Object.fromEntries(FAMILIES.map(({ name }) => [name, 0]));
    for (let i = 0; i < 20_000; i++) {
      const one = createSpan(random, NOW_S + i);
      metrics.onStart(one);
      metrics.onEnd(one);
      const name = familyOf(one)?.name;
      if (name !== undefined && hasDuration(one, options)) given[name] = (given[name] as number) + 1;
    }
    assert.equal(total(CALLS), 20_000);
    assert.equal(total("http.server.active_requests"), 0);
    assert.equal(total("otel.sdk.span.live"), 0);
    for (const one of FAMILIES) {
      // What waited in a queue is counted beside its processing.
      if (one !== MESSAGING_QUEUE_TIME) assert.equal(total(one.name), given[one.name], one.name);
      for (const point of (family(one.name)?.dataPoints ?? []) as unknown as HistogramSeries[]) {
        assert.ok(Number.isFinite(point.value.sum) && point.value.sum >= 0, one.name);
        assert.equal(sum(point.value.buckets.counts), point.value.count);
        assert.equal(
          (point.exponential?.zeroCount ?? 0) + sum(point.exponential?.positive.bucketCounts ?? []),
          point.value.count,
        );
      }
    }
    assertNoTwins(family, [CALLS, "traces.span.metrics.duration", ...FAMILIES.map(({ name }) => name)]);
  });
}

const BROKEN: ReadonlySet<unknown> = new Set(["client_aborted", "cancelled", "incomplete_response"]);

/** Whether a family's histogram has a span: what is no time, a stream, or broke off may be left out of it. */
function hasDuration(one: ReturnType<typeof span>, { streams, aborted }: Partial<RedMetricsOptions>): boolean {
  const { duration, attributes } = one;
  if (!Number.isFinite(duration[0])) return false;
  if (attributes["redtrail.http.streaming"] === true && streams !== "include") return false;
  return aborted !== "exclude" || !BROKEN.has(attributes["error.type"]);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

/** Labels are bounded and well-formed, and no two series are one when they are written. */
function assertNoTwins(family: ReturnType<typeof createMetrics>["family"], names: readonly string[]): void {
  for (const name of names) {
    const seen = new Set<string>();
    for (const { attributes } of family(name)?.dataPoints ?? []) {
      const values = Object.entries(attributes).filter(([, value]) => String(value) !== "");
      for (const [key, value] of values) {
        assert.ok(["string", "number", "boolean", "bigint"].includes(typeof value), `${name} ${key}`);
        assert.ok(String(value).isWellFormed() && String(value).length <= 255 && !String(value).includes("\0"), key);
      }
      const text = JSON.stringify(values.map(([key, value]) => [key, String(value)]));
      assert.ok(!seen.has(text), `${name} ${text}`);
      seen.add(text);
    }
  }
}

test("RedMetrics loses only what it gives up: each span is in a series that is collected, at any limit, in any order of time", () => {
  const random = createRandom(99);
  const { metrics, family } = createMetrics({ seriesLimit: 6, idleAfterS: 20, labelLimits: { "span.name": 9 } });
  const live = (): Set<CounterSeries> => new Set(family(CALLS)?.dataPoints as unknown as CounterSeries[]);
  let evicted = 0;
  let before = new Map<CounterSeries, number>();
  for (let i = 0; i < 5_000; i++) {
    // Now and then a span of an hour ago.
    const endS = NOW_S + i * 3 - (random() < 0.02 ? 3_600 : 0);
    const name = random.of(["a", "b", "c", `n${Math.floor(random() * 40)}`]);
    metrics.onEnd(span({ name, code: random() < 0.1 ? 2 : 0, endS }));
    const after = live();
    let change = 0;
    for (const series of after) change += series.value - (before.get(series) ?? 0);
    assert.equal(change, 1, `span ${i}`);
    for (const [series] of before) if (!after.has(series)) evicted++;
    before = new Map(Array.from(after, (series) => [series, series.value]));
    assert.ok(after.size <= 2 * 6 + 1);
  }
  assert.ok(evicted > 50, `${evicted}`);
});
