import assert from "node:assert/strict";
import test from "node:test";
import type { Meter } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationType, MeterProvider, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { type ExpositionOptions, createExposition } from "../../../src/exporters/prometheus/exposition.ts";
import type { Escaping } from "../../../src/exporters/prometheus/format.ts";
import { PullReader } from "../../../src/exporters/prometheus/reader.ts";
import { escapeHelp } from "../../../src/exporters/prometheus/text.ts";
import { countOne, createCounterSeries, createHistogramSeries, recordValue } from "../../../src/metrics/data.ts";
import type { Origin } from "../../../src/metrics/exemplar.ts";
import { histogramData, sumData } from "../../../src/metrics/metric-data.ts";

type TextSyntax = "text" | "openmetrics";

interface Options extends ExpositionOptions {
  readonly escaping?: Escaping;
  readonly scopeMetrics?: readonly ScopeMetrics[];
}

/** The lines of what `record` does with OpenTelemetry's metrics API. */
async function exposed(
  syntax: TextSyntax,
  record: (meter: Meter) => void,
  { escaping = "underscores", scopeMetrics = [], ...options }: Options = {},
): Promise<string> {
  const reader = new PullReader();
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ "service.name": "shop", "k8s.pod.name": 'a"\n' }),
    readers: [reader],
    views: [
      { instrumentName: "exponential*", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      {
        instrumentName: "sumless",
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [0, 1] } },
      },
    ],
  });
  record(provider.getMeter("test", "1"));
  const collected = await reader.collectShared(1_000);
  const expose = createExposition({ scopeLabels: false, targetInfo: false, ...options });
  const body = await expose(
    { ...collected, scopeMetrics: [...collected.scopeMetrics, ...scopeMetrics] },
    { syntax, escaping },
  );
  return Buffer.concat(body.chunks).toString("utf8");
}

function recordOneOfEach(meter: Meter): void {
  meter.createCounter("jobs", { description: 'Jobs "done".\nAll \\ of them.' }).add(3, { queue: "a" });
  meter.createGauge("depth", { unit: "By" }).record(1.5);
  const histogram = meter.createHistogram("wait", { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1] } });
  for (const value of [0.05, 0.1, 0.5, 2]) histogram.record(value, { queue: "a" });
}

test("A counter, a gauge and a histogram are written as text 0.0.4", async () => {
  assert.equal(
    await exposed("text", recordOneOfEach, { targetInfo: true, created: true }),
    `# TYPE depth_bytes gauge
depth_bytes 1.5
# HELP jobs_total Jobs "done".\\nAll \\\\ of them.
# TYPE jobs_total counter
jobs_total{queue="a"} 3
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="a",le="0.1"} 2
wait_seconds_bucket{queue="a",le="1"} 3
wait_seconds_bucket{queue="a",le="+Inf"} 4
wait_seconds_sum{queue="a"} 2.65
wait_seconds_count{queue="a"} 4
# TYPE target_info gauge
# HELP target_info Target metadata
target_info{k8s_pod_name="a\\"\\n",service_name="shop"} 1
`,
  );
});

test("A counter, a gauge and a histogram are written as OpenMetrics", async () => {
  assert.equal(
    await exposed("openmetrics", recordOneOfEach, { targetInfo: true }),
    `# TYPE depth_bytes gauge
# UNIT depth_bytes bytes
depth_bytes 1.5
# HELP jobs Jobs \\"done\\".\\nAll \\\\ of them.
# TYPE jobs counter
jobs_total{queue="a"} 3
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{queue="a",le="0.1"} 2
wait_seconds_bucket{queue="a",le="1.0"} 3
wait_seconds_bucket{queue="a",le="+Inf"} 4
wait_seconds_sum{queue="a"} 2.65
wait_seconds_count{queue="a"} 4
# TYPE target info
# HELP target Target metadata
target_info{k8s_pod_name="a\\"\\n",service_name="shop"} 1
# EOF
`,
  );
});

test("OpenMetrics ends in # EOF even when there is nothing else, and text 0.0.4 in nothing", async () => {
  assert.equal(await exposed("openmetrics", () => {}), "# EOF\n");
  assert.equal(await exposed("text", () => {}), "");
});

test("_created is written in OpenMetrics where it is asked for, and for no gauge", async () => {
  const text = await exposed("openmetrics", recordOneOfEach, { created: true });
  const created = text.match(/^\S+_created.*$/gm) ?? [];
  assert.deepEqual(
    created.map((line) => line.replace(/ \d+\.\d{3}$/, " T")),
    ['jobs_created{queue="a"} T', 'wait_seconds_created{queue="a"} T'],
  );
  const seconds = Number(created[0]?.split(" ")[1]);
  assert.ok(Math.abs(Date.now() / 1000 - seconds) < 60, String(seconds));
  assert.doesNotMatch(await exposed("openmetrics", recordOneOfEach), /_created/);
});

for (const strategy of ["underscoreescapingwithoutsuffixes", "notranslation"] as const) {
  test(`A counter without _total is of unknown type in OpenMetrics, without _created or exemplar (${strategy})`, async () => {
    const series = createCounterSeries({});
    countOne(series, 0, origin());
    const metrics = [sumData({ name: "jobs", description: "", unit: "s" }, true, [series])];
    const options = { translationStrategy: strategy, created: true, scopeMetrics: [{ scope: { name: "s" }, metrics }] };
    assert.equal(await exposed("openmetrics", () => {}, options), "# TYPE jobs unknown\njobs 1\n# EOF\n");
    assert.equal(await exposed("text", () => {}, options), "# TYPE jobs counter\njobs 1\n");
  });
}

test("A histogram without sum has no count in OpenMetrics, which has both or none", async () => {
  const record = (meter: Meter): void => {
    const sumless = meter.createUpDownCounter("sumless");
    for (const value of [-5, 0.5, 7]) sumless.add(value);
  };
  const buckets = (one: string): string =>
    `# TYPE sumless histogram\nsumless_bucket{le="0${one}"} 1\nsumless_bucket{le="1${one}"} 2\nsumless_bucket{le="+Inf"} 3\n`;
  assert.equal(await exposed("text", record), `${buckets("")}sumless_count 3\n`);
  assert.equal(await exposed("openmetrics", record), `${buckets(".0")}# EOF\n`);
});

test("A histogram with negative bounds has neither sum nor count in OpenMetrics, where a sum is a counter", async () => {
  const record = (meter: Meter): void =>
    meter.createHistogram("h", { advice: { explicitBucketBoundaries: [-1, 1] } }).record(0.5);
  assert.match(await exposed("text", record), /^h_sum 0.5\nh_count 1$/m);
  const text = await exposed("openmetrics", record);
  assert.doesNotMatch(text, /_sum|_count/);
  assert.match(text, /^h_bucket\{le="-1\.0"\} 0$/m);
});

test("An exponential histogram is written with count, sum and one bucket, as far as text goes", async () => {
  const record = (meter: Meter): void => {
    const histogram = meter.createHistogram("exponential", { unit: "s" });
    for (const value of [0, 0.5, 3]) histogram.record(value, { a: "b" });
  };
  for (const syntax of ["text", "openmetrics"] as const) {
    const text = await exposed(syntax, record);
    assert.match(text, /^# TYPE exponential_seconds histogram$/m);
    assert.deepEqual(text.match(/^exponential.*$/gm), [
      'exponential_seconds_bucket{a="b",le="+Inf"} 3',
      'exponential_seconds_sum{a="b"} 3.5',
      'exponential_seconds_count{a="b"} 3',
    ]);
  }
});

test("A counter that is negative or no number is left out, and the rest of its family is not", async () => {
  const record = (meter: Meter): void => {
    const counter = meter.createCounter("jobs");
    counter.add(Number.NaN, { a: "nan" });
    counter.add(1, { a: "one" });
    counter.add(Infinity, { a: "infinite" });
    meter.createUpDownCounter("level").add(-1);
  };
  for (const syntax of ["text", "openmetrics"] as const) {
    const negative = { ...createCounterSeries({ a: "negative" }), value: -1 };
    const metrics = [sumData({ name: "jobs", description: "", unit: "" }, true, [negative])];
    const lines = (await exposed(syntax, record, { scopeMetrics: [{ scope: { name: "s" }, metrics }] })).match(
      /^\w.*$/gm,
    );
    assert.deepEqual(lines, ['jobs_total{a="one"} 1', 'jobs_total{a="infinite"} +Inf', "level -1"]);
  }
});

const bounds: readonly (readonly [number, text: string, openmetrics: string])[] = [
  [-2, "-2", "-2.0"],
  [0, "0", "0.0"],
  [0.005, "0.005", "0.005"],
  [1, "1", "1.0"],
  [10_000, "10000", "10000.0"],
  [1e21, "1e+21", "1e+21"],
];
test("Bounds are floats in OpenMetrics, and the shortest in text 0.0.4", async () => {
  const record = (meter: Meter): void =>
    meter.createHistogram("h", { advice: { explicitBucketBoundaries: bounds.map(([bound]) => bound) } }).record(1);
  for (const [syntax, at] of [["text", 1] as const, ["openmetrics", 2] as const]) {
    const found = Array.from((await exposed(syntax, record)).matchAll(/le="([^"]*)"/g), ([, bound]) => bound);
    assert.deepEqual(found, [...bounds.map((row) => row[at]), "+Inf"]);
  }
});

test("Names that old Prometheus would not take stand in quotes, in comments and among the labels", async () => {
  const record = (meter: Meter): void => {
    meter.createCounter("http.calls", { description: "Calls." }).add(1, { "http.route": "/x", plain: "y" });
    meter.createGauge('say "hi"\\\n').record(2);
    const histogram = meter.createHistogram("http.wait", { unit: "s", advice: { explicitBucketBoundaries: [1] } });
    histogram.record(1);
  };
  const options = { translationStrategy: "noutf8escapingwithsuffixes", escaping: "allow-utf-8" } as const;
  assert.equal(
    await exposed("openmetrics", record, options),
    `# HELP "http.calls" Calls.
# TYPE "http.calls" counter
{"http.calls_total","http.route"="/x",plain="y"} 1
# TYPE "http.wait_seconds" histogram
# UNIT "http.wait_seconds" seconds
{"http.wait_seconds_bucket",le="1.0"} 1
{"http.wait_seconds_bucket",le="+Inf"} 1
{"http.wait_seconds_sum"} 1
{"http.wait_seconds_count"} 1
# TYPE "say \\"hi\\"\\\\\\n" gauge
{"say \\"hi\\"\\\\\\n"} 2
# EOF
`,
  );
});

test("A counter's family has the name that its samples have without _total, in each escaping", async () => {
  for (const [escaping, family] of [
    ["underscores", "x_y"],
    ["dots", "x_dot_y_"],
    ["values", "U__x_2E_y_"],
  ] as const) {
    const options = { translationStrategy: "noutf8escapingwithsuffixes", escaping } as const;
    const text = await exposed("openmetrics", (meter) => meter.createCounter("x.y").add(1), options);
    assert.equal(text, `# TYPE ${family} counter\n${family}_total 1\n# EOF\n`);
  }
});

test("Label values are escaped and mended", async () => {
  const record = (meter: Meter): void =>
    meter.createGauge("g").record(1, { a: 'back\\slash "quote"\nline', b: "lone \ud800 nul \0", c: "\r\t\u2028é😀" });
  for (const syntax of ["text", "openmetrics"] as const) {
    assert.match(
      await exposed(syntax, record),
      /^g\{a="back\\\\slash \\"quote\\"\\nline",b="lone \ufffd nul \ufffd",c="\r\t\u2028é😀"\} 1$/mu,
    );
  }
});

test("escapeHelp escapes backslashes and newlines, and mends the rest", () =>
  assert.equal(escapeHelp('a\\b\nc "d" \ud800\0'), 'a\\\\b\\nc "d" \ufffd\ufffd'));

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

/** OpenMetrics' lines of a histogram with an exemplar in the bucket up to 1, and of a counter with one. */
async function exemplarLines(about: Partial<Origin>, syntax: TextSyntax = "openmetrics"): Promise<string[]> {
  const histogram = createHistogramSeries({ k: "v" }, [0.5, 1]);
  recordValue(histogram, 0.75, 0, origin(about));
  const counter = createCounterSeries({ k: "v" });
  countOne(counter, 0, origin(about));
  const metrics = [
    histogramData({ name: "h", description: "", unit: "" }, [histogram]),
    sumData({ name: "c", description: "", unit: "" }, true, [counter]),
  ];
  const text = await exposed(syntax, () => {}, { scopeMetrics: [{ scope: { name: "s" }, metrics }] });
  return text.match(/^\w.*$/gm) ?? [];
}

test("An exemplar follows the bucket that holds its value and the counter, in OpenMetrics only", async () => {
  const time = Math.floor(Date.now() / 1000) - 5;
  const labels = '{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"}';
  assert.deepEqual(await exemplarLines({ time: time + 0.0625 }), [
    `c_total{k="v"} 1 # ${labels} 1 ${time}.063`,
    'h_bucket{k="v",le="0.5"} 0',
    `h_bucket{k="v",le="1.0"} 1 # ${labels} 0.75 ${time}.063`,
    'h_bucket{k="v",le="+Inf"} 1',
    'h_sum{k="v"} 0.75',
    'h_count{k="v"} 1',
  ]);
  assert.ok((await exemplarLines({ time }, "text")).every((line) => !line.includes("#")));
});

test("An exemplar of the last bucket follows +Inf", async () => {
  const series = createHistogramSeries({}, [0.5]);
  recordValue(series, 7, 0, origin());
  const metrics = [histogramData({ name: "h", description: "", unit: "" }, [series])];
  const text = await exposed("openmetrics", () => {}, { scopeMetrics: [{ scope: { name: "s" }, metrics }] });
  assert.match(text, /^h_bucket\{le="0\.5"\} 0\nh_bucket\{le="\+Inf"\} 1 # \{trace_id=.*\} 7 \d+\.\d{3}$/m);
});

test("An exemplar is written until it is ten minutes old", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_600_000 });
  const count = async (time: number): Promise<number> =>
    (await exemplarLines({ time })).filter((line) => line.includes("#")).length;
  assert.equal(await count(1_700_000_000.001), 2);
  assert.equal(await count(1_700_000_000), 0);
  assert.equal(await count(1_700_000_601), 2);
});

/** trace_id, span_id, request_id and the ids of trace and span are 73 of the 128 characters. */
const requestIds: readonly (readonly [string, string | undefined])[] = [
  ["id-1", "id-1"],
  ["x".repeat(55), "x".repeat(55)],
  ["x".repeat(56), undefined],
  ['q"\\\n\0é\ud800', 'q\\"\\\\\\n\ufffdé\ufffd'],
];
for (const [requestId, expected] of requestIds) {
  test(`The request id ${JSON.stringify(requestId)} ${expected === undefined ? "does not fit" : "fits"} into an exemplar`, async () => {
    const [line = ""] = await exemplarLines({ requestId });
    const [, found] = / # \{trace_id="\w{32}",span_id="\w{16}"(?:,request_id="(.*)")?\} 1 [\d.]+$/u.exec(line) ?? [
      line,
    ];
    assert.equal(found, expected);
  });
}

test("A changed exemplar is written anew", async () => {
  const series = createCounterSeries({});
  const metrics = [sumData({ name: "c", description: "", unit: "" }, true, [series])];
  const options = { scopeMetrics: [{ scope: { name: "s" }, metrics }] };
  for (const requestId of ["first", "second"]) {
    countOne(series, 0, origin({ requestId }));
    assert.match(await exposed("openmetrics", () => {}, options), new RegExp(`request_id="${requestId}"`));
  }
});
