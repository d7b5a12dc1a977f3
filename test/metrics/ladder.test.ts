// What happens to values and series that are too many, step by step: the last accepted, the first that is not, what is counted
// and what is said. The sum over all series is the number of spans at every step.
import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import test, { type TestContext } from "node:test";
import type { Attributes } from "@opentelemetry/api";
import type { CounterSeries, HistogramSeries } from "../../src/metrics/data.ts";
import type { RedMetricsOptions } from "../../src/metrics/red-options.ts";
import { GET_USER, NOW_S, type SpanOptions, type TestMetrics, createMetrics, span } from "./span.ts";

const HTTP = "http.server.request.duration";
const CALLS = "traces.span.metrics.calls";
const DURATION = "traces.span.metrics.duration";

interface Ladder extends TestMetrics {
  /** Counts a request of this route, by default in a span of that name. */
  count(route: string, given?: SpanOptions & { readonly method?: string; readonly status?: number }): void;
  spans(): number;
  /** Values of a label over a family's series, `(overflow)` for the one without labels. */
  values(name: string, key: string): unknown[];
  self(name: string, attributes: Attributes): number;
  /** What was said on stderr. */
  readonly lines: readonly string[];
}

function createLadder(t: TestContext, options: Partial<RedMetricsOptions> = {}): Ladder {
  const made = createMetrics(options);
  const lines: string[] = [];
  t.mock.method(fs, "writeSync", (_: number, text: string) => lines.push(text.trimEnd()));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  let count = 0;
  const points = (name: string): CounterSeries[] => (made.family(name)?.dataPoints ?? []) as unknown as CounterSeries[];
  return {
    ...made,
    lines,
    count(route, { method = "GET", status = 200, ...given } = {}) {
      count++;
      const attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        ...(status >= 500 ? { "error.type": String(status) } : {}),
      };
      made.metrics.onEnd(span({ name: `GET ${route}`, attributes, code: status >= 500 ? 2 : 0, ...given }));
    },
    spans: () => count,
    values: (name, key) =>
      points(name).map(({ attributes }) => ("otel.metric.overflow" in attributes ? "(overflow)" : attributes[key])),
    self(name, attributes) {
      const found = points(name).find((point) =>
        Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      );
      return found?.value ?? 0;
    },
  };
}

function assertComplete({ total, spans }: Ladder, ...names: readonly string[]): void {
  for (const name of [CALLS, DURATION, HTTP, ...names]) assert.equal(total(name), spans(), name);
}

test("Step 1: what is cut, or cleaned, is one series with what is alike after that", (t) => {
  const ladder = createLadder(t);
  const { count, values } = ladder;
  for (const method of ["GET", "get", "PURGE", "_OTHER"]) count("/a", { method });
  assert.deepEqual(values(HTTP, "http.request.method"), ["GET", "_OTHER"]);
  for (const end of ["a", "b", "b"]) count(`${"x".repeat(255)}${end}`, { name: `${"n".repeat(255)}${end}` });
  assert.equal(values(HTTP, "http.route").at(-1), "x".repeat(255));
  assert.equal(values(HTTP, "http.route").length, 3);
  for (const status of [99, 600, Number.NaN]) count("/a", { status, code: 0 });
  assertComplete(ladder);
  assert.deepEqual(ladder.lines, []);
});

test("Step 1: texts that an exposition writes alike are one series, so that it leaves none out", (t) => {
  const ladder = createLadder(t);
  for (const odd of ["\uD800", "\uDFFF", "\0", "\uFFFD"]) ladder.count(`/${odd}`);
  assert.deepEqual(ladder.values(HTTP, "http.route"), ["/\uFFFD"]);
  assert.deepEqual(ladder.values(DURATION, "span.name"), ["GET /\uFFFD"]);
  assertComplete(ladder);
});

for (const [templateIds, routes] of [
  [false, ["/users/1", "/users/2", "/users/3"]],
  [true, ["/users/{id}"]],
] as const) {
  test(`Step 2: with templateIds=${templateIds} three routes of ids are ${routes.length}`, (t) => {
    const ladder = createLadder(t, { templateIds });
    for (let round = 0; round < 3; round++) for (const id of [1, 2, 3]) ladder.count(`/users/${id}`);
    assert.deepEqual(ladder.values(HTTP, "http.route"), routes);
    assert.deepEqual(
      ladder.values(DURATION, "span.name"),
      routes.map((route) => `GET ${route}`),
    );
    assertComplete(ladder);
  });
}

test("Step 3: a value beyond its label's limit is _other beside its other labels; said once, and counted each time", (t) => {
  const ladder = createLadder(t, { labelLimits: { "http.route": 2, "span.name": 3 } });
  const { count, values, self, lines } = ladder;
  count("/1");
  count("/2");
  assert.deepEqual(values(HTTP, "http.route"), ["/1", "/2"]);
  assert.deepEqual(lines, []);
  count("/3");
  count("/4", { method: "POST", status: 500 });
  count("/3");
  count("/1", { status: 500 });
  assert.deepEqual(values(HTTP, "http.route"), ["/1", "/2", "_other", "_other", "/1"]);
  assert.deepEqual(values(HTTP, "http.request.method"), ["GET", "GET", "GET", "POST", "GET"]);
  assert.deepEqual(values(DURATION, "span.name"), ["GET /1", "GET /2", "GET /3", "_other", "GET /1"]);
  assert.equal(self("redtrail.red.label.capped", { metric: HTTP, label: "http.route" }), 3);
  assert.equal(self("redtrail.red.label.capped", { metric: CALLS, label: "span.name" }), 1);
  assert.equal(self("redtrail.red.label.capped", { metric: DURATION, label: "span.name" }), 1);
  assert.deepEqual(lines, [
    `redtrail: ${HTTP} has 2 values of http.route (REDTRAIL_RED_LABEL_LIMITS); further ones are counted as "_other"`,
    `redtrail: ${CALLS} has 3 values of span.name (REDTRAIL_RED_LABEL_LIMITS); further ones are counted as "_other"`,
    `redtrail: ${DURATION} has 3 values of span.name (REDTRAIL_RED_LABEL_LIMITS); further ones are counted as "_other"`,
  ]);
  assertComplete(ladder);
});

test("Step 3: a dimension has a limit of its own, 512 by default", (t) => {
  const dimensions = [{ key: "tenant", fallback: undefined, only: "duration" as const }];
  const ladder = createLadder(t, { dimensions });
  for (let i = 0; i < 513; i++) ladder.count("/", { attributes: { ...GET_USER, tenant: `t${i}` } });
  assert.equal(ladder.values(DURATION, "tenant").at(-2), "t511");
  assert.equal(ladder.values(DURATION, "tenant").at(-1), "_other");
  assert.equal(ladder.lines.length, 1);
  assertComplete(ladder);
});

test("Step 4: at the limit another outcome of what is known gets in, up to twice the limit; another identity does not", (t) => {
  const ladder = createLadder(t, { seriesLimit: 2, families: ["http"] });
  const { count, values, self, lines, total, spans } = ladder;
  count("/1");
  count("/2");
  assert.deepEqual(lines, []);
  count("/3", { status: 500 });
  assert.deepEqual(values(HTTP, "http.route"), ["/1", "/2", "(overflow)"]);
  count("/1", { status: 500 });
  count("/2", { status: 503 });
  count("/1", { status: 504 });
  assert.deepEqual(values(HTTP, "http.response.status_code"), [200, 200, "(overflow)", 500, 503]);
  for (const status of [200, 500]) count("/1", { status });
  assert.equal(self("redtrail.red.overflowed", { metric: HTTP }), 2);
  assert.equal(self("redtrail.red.series", { metric: HTTP }), 5);
  assert.equal(self("redtrail.red.series.limit", { metric: HTTP }), 2);
  assert.deepEqual(lines, [
    `redtrail: ${HTTP} has reached its 2 series (REDTRAIL_RED_SERIES_LIMIT); further ones are counted together as otel_metric_overflow="true"`,
  ]);
  assert.equal(total(HTTP), spans());
});

test("Step 4: the first error of a span name known before the flood is its own, in the span metrics too", (t) => {
  const ladder = createLadder(t, { seriesLimit: 4 });
  const { count, family } = ladder;
  count("/known");
  for (let i = 0; i < 100; i++) count(`/${i}`);
  count("/known", { status: 500 });
  for (const name of [CALLS, DURATION]) {
    const errors = (family(name)?.dataPoints ?? []).filter(
      ({ attributes }) => attributes["span.name"] === "GET /known" && attributes["status.code"] === "STATUS_CODE_ERROR",
    );
    const [value] = errors.map((point) => (point as unknown as CounterSeries | HistogramSeries).value);
    assert.equal(typeof value === "number" ? value : value?.count, 1, name);
  }
  assertComplete(ladder);
});

test("Step 5: a series that was idle for longer than allowed gives way; what comes back begins anew, and is not counted twice", (t) => {
  const ladder = createLadder(t, { seriesLimit: 2, idleAfterS: 60, families: ["http"] });
  const { count, values, self, total, lines } = ladder;
  const at = (seconds: number): SpanOptions => ({ endS: NOW_S + seconds });
  // Three times each: the third is found by the memo.
  for (let i = 0; i < 3; i++) count("/old", at(0));
  for (let i = 0; i < 3; i++) count("/busy", at(59));
  count("/new", at(60));
  assert.deepEqual(values(HTTP, "http.route"), ["/old", "/busy", "(overflow)"], "idle for as long as is allowed");
  count("/new", at(71));
  assert.deepEqual(values(HTTP, "http.route"), ["/busy", "(overflow)", "/new"]);
  assert.equal(self("redtrail.red.series.evicted", { metric: HTTP }), 1);
  assert.equal(total(HTTP), 8 - 3);
  // The memo must not lead to the series that is gone.
  count("/old", at(72));
  assert.equal(total(HTTP), 9 - 3);
  assert.equal(self("redtrail.red.overflowed", { metric: HTTP }), 2);
  // Both others are idle at 200 s: it comes back in a series of its own.
  for (let i = 0; i < 3; i++) count("/old", at(200));
  assert.deepEqual(values(HTTP, "http.route"), ["(overflow)", "/old"]);
  assert.equal((ladder.family(HTTP)?.dataPoints[1] as unknown as HistogramSeries).value.count, 3);
  assert.equal(lines.length, 1);
});

test("Step 5: a span found by the memo keeps its series from being idle", (t) => {
  const ladder = createLadder(t, { seriesLimit: 1, idleAfterS: 60, families: ["http"] });
  for (let s = 0; s <= 600; s += 10) ladder.count("/busy", { endS: NOW_S + s });
  ladder.count("/new", { endS: NOW_S + 605 });
  assert.deepEqual(ladder.values(HTTP, "http.route"), ["/busy", "(overflow)"]);
  assert.equal(ladder.total(HTTP), ladder.spans());
});

test("Step 5: a span of long ago, as somebody may import one, makes no busy series idle", (t) => {
  const ladder = createLadder(t, { seriesLimit: 2, idleAfterS: 60 });
  ladder.count("/busy", { endS: NOW_S });
  ladder.count("/busy", { endS: NOW_S - 86_400 });
  ladder.count("/new", { endS: NOW_S + 10 });
  assert.deepEqual(ladder.values(CALLS, "span.name"), ["GET /busy", "GET /busy", "(overflow)"]);
  assertComplete(ladder);
});

for (const [status, code] of [
  ["STATUS_CODE_UNSET", 0],
  ["STATUS_CODE_OK", 1],
] as const) {
  test(`Step 5: the error series at zero beside a busy one of ${status} is not idle`, (t) => {
    const ladder = createLadder(t, { seriesLimit: 2, idleAfterS: 60 });
    ladder.count("/busy", { code });
    ladder.count("/busy", { code, endS: NOW_S + 100 });
    ladder.count("/new", { endS: NOW_S + 110 });
    assert.deepEqual(ladder.values(CALLS, "status.code"), [status, "STATUS_CODE_ERROR", "(overflow)"]);
    // An hour later nobody has used either.
    ladder.count("/new", { endS: NOW_S + 3_600 });
    assert.deepEqual(ladder.values(CALLS, "span.name"), ["(overflow)", "GET /new", "GET /new"]);
    assert.equal(ladder.self("redtrail.red.series.evicted", { metric: CALLS }), 2);
  });
}

test("Step 5: a label's value that only given up series had makes room for another", (t) => {
  const ladder = createLadder(t, {
    seriesLimit: 2,
    idleAfterS: 60,
    labelLimits: { "http.route": 2 },
    families: ["http"],
  });
  ladder.count("/1", { endS: NOW_S });
  ladder.count("/2", { endS: NOW_S });
  ladder.count("/3", { endS: NOW_S + 100 });
  ladder.count("/4", { endS: NOW_S + 100 });
  assert.deepEqual(ladder.values(HTTP, "http.route"), ["_other", "/4"]);
});

test("Step 6: what has no room is counted together, as it is at every limit's default, and said once for each metric", (t) => {
  const ladder = createLadder(t, { labelLimits: { "http.route": 1e6, "span.name": 1e6 } });
  for (let i = 0; i < 5_000; i++) ladder.count(`/${i}`);
  for (const name of [CALLS, DURATION, HTTP]) {
    assert.equal(ladder.values(name, "x").length, 2_001, name);
    assert.equal(ladder.values(name, "x").filter((one) => one === "(overflow)").length, 1, name);
  }
  assert.equal(ladder.self("redtrail.red.overflowed", { metric: HTTP }), 3_000);
  assert.equal(ladder.lines.length, 3);
  assert.equal(new Set(ladder.lines).size, 3);
  assertComplete(ladder);
});

test("Each limit is said once, however often it is met again", (t) => {
  const ladder = createLadder(t, { seriesLimit: 20, labelLimits: { "http.route": 3, "span.name": 3 }, idleAfterS: 30 });
  for (let i = 0; i < 2_000; i++) {
    ladder.count(`/${i}`, { status: 200 + (i % 300), method: i % 2 === 0 ? "GET" : "POST", code: 0, endS: NOW_S + i });
  }
  assert.equal(new Set(ladder.lines).size, ladder.lines.length);
  assert.ok(ladder.lines.length <= 6, ladder.lines.join("\n"));
});
