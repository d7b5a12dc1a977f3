import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import test, { type TestContext } from "node:test";
import type { Attributes, Meter } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationType, MeterProvider, type MetricData, type ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../../../src/diagnostics/log.ts";
import { type ExpositionOptions, createExposition } from "../../../src/exporters/prometheus/exposition.ts";
import type { Body, Escaping, Syntax } from "../../../src/exporters/prometheus/format.ts";
import { PullReader } from "../../../src/exporters/prometheus/reader.ts";
import { createCounterSeries, createHistogramSeries, recordValue } from "../../../src/metrics/data.ts";
import { gaugeData, histogramData, sumData } from "../../../src/metrics/metric-data.ts";
import { decodeFamilies } from "../../support/proto-decode.ts";
import { parseSamples } from "../../support/scrape.ts";

const SYNTAXES: readonly Syntax[] = ["text", "openmetrics", "protobuf"];
const TEXT = { syntax: "text", escaping: "underscores" } as const;

function textOf(body: Body): string {
  return Buffer.concat(body.chunks).toString("utf8");
}

function resourceMetrics(metrics: readonly MetricData[], resource: Attributes = {}): ResourceMetrics {
  return {
    resource: resourceFromAttributes(resource),
    scopeMetrics: [{ scope: { name: "lib", version: "2" }, metrics: [...metrics] }],
  };
}

/** What `record` does with the metrics API, as text without scopes and resource. */
async function exposed(
  record: (meter: Meter, provider: MeterProvider) => void,
  options: ExpositionOptions = {},
): Promise<string> {
  const reader = new PullReader();
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ "service.name": "shop", "k8s.pod.name": "a" }),
    readers: [reader],
    views: [{ instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  record(provider.getMeter("test", "1"), provider);
  const expose = createExposition({ scopeLabels: false, targetInfo: false, ...options });
  return textOf(await expose(await reader.collectShared(1_000), TEXT));
}

function warningsOf({ mock }: TestContext): string[] {
  const warnings: string[] = [];
  const keys = new Set<string>();
  mock.method(log, "warnSometimes", (key: string, text: string) => {
    if (!keys.has(key)) warnings.push(text);
    keys.add(key);
  });
  return warnings;
}

/** The names of families, in each syntax. */
async function familiesIn(collected: ResourceMetrics, syntax: Syntax): Promise<string[]> {
  const expose = createExposition({ targetInfo: false });
  const body = await expose(collected, { syntax, escaping: "underscores" });
  if (syntax === "protobuf") return decodeFamilies(Buffer.concat(body.chunks)).map(({ name }) => name);
  return Array.from(textOf(body).matchAll(/^# TYPE (\S+)/gm), ([, name]) => name as string);
}

const descriptor = (name: string): { name: string; description: string; unit: string } => ({
  name,
  description: "",
  unit: "",
});

function histograms(count: number, name = "wait"): MetricData {
  const series = Array.from({ length: count }, (_, index) => {
    const one = createHistogramSeries(
      { route: `/path/number/${index}`, method: "GET" },
      [0.005, 0.01, 0.1, 1, 10],
      true,
    );
    for (let i = 0; i < index % 7; i++) recordValue(one, (index * 31) % (i + 17), 0);
    return one;
  });
  return histogramData({ name, description: "How long.", unit: "s" }, series);
}

test("Every sample says its scope, unless that is switched off", async () => {
  const record = (_: Meter, provider: MeterProvider): void =>
    provider.getMeter("my-lib", "2.0", { schemaUrl: "https://x" }).createCounter("a").add(1);
  assert.equal(
    await exposed(record, { scopeLabels: true }),
    '# TYPE a_total counter\na_total{otel_scope_name="my-lib",otel_scope_schema_url="https://x",otel_scope_version="2.0"} 1\n',
  );
  assert.equal(await exposed(record), "# TYPE a_total counter\na_total 1\n");
});

test("target_info is written once, after all families, unless it is switched off", async () => {
  const record = (meter: Meter): void => meter.createGauge("z").record(1);
  const info =
    '# TYPE target_info gauge\n# HELP target_info Target metadata\ntarget_info{k8s_pod_name="a",service_name="shop"} 1\n';
  assert.equal(await exposed(record, { targetInfo: true }), `# TYPE z gauge\nz 1\n${info}`);
  assert.equal(await exposed(record), "# TYPE z gauge\nz 1\n");
});

const RESOURCE = { "service.name": "shop", "service.version": "1", "k8s.pod.name": "a", "k8s+x": "plus", host: "h" };
for (const [resourceLabels, expected] of [
  [[], ""],
  [["service.name"], '{service_name="shop"}'],
  [["service.*"], '{service_name="shop",service_version="1"}'],
  [["*.name"], '{k8s_pod_name="a",service_name="shop"}'],
  [["*"], '{host="h",k8s_pod_name="a",k8s_x="plus",service_name="shop",service_version="1"}'],
  [["k8s+*", "host"], '{host="h",k8s_x="plus"}'],
  [["serviceXname", "hos", "ost", "name", "SERVICE.*"], ""],
] as const) {
  test(`Resource labels ${JSON.stringify(resourceLabels)} put ${expected || "nothing"} on each sample`, async () => {
    const expose = createExposition({ scopeLabels: false, targetInfo: false, resourceLabels });
    const collected = resourceMetrics([gaugeData(descriptor("g"), [createCounterSeries({})])], RESOURCE);
    assert.equal(textOf(await expose(collected, TEXT)), `# TYPE g gauge\ng${expected} 0\n`);
  });
}

test("Resource labels that an attribute is called by are joined with it", async () => {
  const expose = createExposition({ scopeLabels: false, targetInfo: false, resourceLabels: ["host"] });
  const collected = resourceMetrics([gaugeData(descriptor("g"), [createCounterSeries({ host: "mine" })])], RESOURCE);
  assert.equal(textOf(await expose(collected, TEXT)), '# TYPE g gauge\ng{host="h;mine"} 0\n');
});

test("A family is written once for all scopes that have it, with the first help text", async (t) => {
  warningsOf(t);
  const text = await exposed(
    (_, provider) => {
      provider.getMeter("one").createCounter("jobs", { description: "First." }).add(1);
      provider.getMeter("two").createCounter("other").add(1);
      provider.getMeter("three").createCounter("jobs", { description: "Second." }).add(2);
    },
    { scopeLabels: true },
  );
  assert.equal(
    text,
    `# HELP jobs_total First.
# TYPE jobs_total counter
jobs_total{otel_scope_name="one"} 1
jobs_total{otel_scope_name="three"} 2
# TYPE other_total counter
other_total{otel_scope_name="two"} 1
`,
  );
});

test("A family of another type, a clash with a histogram's samples, and series that become one are left out", async (t) => {
  warningsOf(t);
  const text = await exposed((meter) => {
    meter.createCounter("a.b").add(1, { "x.y": "1" });
    meter.createCounter("a_b").add(2, { x_y: "1" });
    meter.createHistogram("h").record(1);
    meter.createGauge("h_count").record(5);
    meter.createGauge("g_total").record(5);
    meter.createCounter("g").add(6);
    meter.createHistogram("exponential").record(1);
    meter.createGauge("target.info").record(1);
  });
  const keys = parseSamples(text).map(({ name, labels }) => `${name}${JSON.stringify(labels)}`);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(text.match(/^# TYPE (\S+)/gm)?.length, new Set(text.match(/^# TYPE (\S+)/gm)).size);
  assert.match(text, /^a_b_total\{x_y="1"\} 1$/m);
  assert.match(text, /^h_count 1$/m);
  assert.match(text, /^exponential_count 1$/m);
  assert.match(text, /^g_total 5$/m);
  assert.doesNotMatch(text, /target_info/);
});

test("Series that are one to Prometheus are written once in each syntax, with one warning", async (t) => {
  const warnings = warningsOf(t);
  const point = (value: number, attributes: Attributes): ReturnType<typeof createCounterSeries> => ({
    ...createCounterSeries(attributes),
    value,
  });
  const gauge = gaugeData(descriptor("g"), [
    point(1, { "a.b": "1", a_a: "2" }),
    point(2, { a_b: "1", "a.a": "2" }),
    point(3, { a_b: "1", "a.a": "2", none: "" }),
    point(4, { other: "1" }),
  ]);
  const expose = createExposition({ scopeLabels: false, targetInfo: false });
  const text = textOf(await expose(resourceMetrics([gauge]), TEXT));
  assert.deepEqual(text.match(/^g\{.*$/gm), ['g{a_a="2",a_b="1"} 1', 'g{other="1"} 4']);
  const body = await expose(resourceMetrics([gauge]), { syntax: "protobuf", escaping: "underscores" });
  const [family] = decodeFamilies(Buffer.concat(body.chunks));
  assert.deepEqual(
    family?.metrics.map(({ value }) => value),
    [1, 4],
  );
  assert.deepEqual(warnings, [
    'metric "g" has series whose labels are the same to Prometheus; only the first of them is written',
  ]);
});

test("Metrics of two scopes that have the same attributes object are written for each", async () => {
  const shared = { k: "v" };
  const metrics = [gaugeData(descriptor("g"), [createCounterSeries(shared)])];
  const collected = resourceMetrics(metrics);
  collected.scopeMetrics.push({ scope: { name: "other" }, metrics });
  const expose = createExposition({ targetInfo: false });
  for (let scrape = 0; scrape < 2; scrape++) {
    assert.deepEqual(textOf(await expose(collected, TEXT)).match(/^g.*$/gm), [
      'g{k="v",otel_scope_name="lib",otel_scope_version="2"} 0',
      'g{k="v",otel_scope_name="other"} 0',
    ]);
  }
});

test("Labels are rendered once per series, and a later value of the same series is written", async () => {
  let reads = 0;
  const attributes = Object.defineProperty({}, "k", { enumerable: true, get: () => `v${++reads}` });
  const series = createCounterSeries(attributes);
  const expose = createExposition({ scopeLabels: false, targetInfo: false });
  for (const value of [1, 2, 3]) {
    series.value = value;
    const text = textOf(await expose(resourceMetrics([sumData(descriptor("a"), true, [series])]), TEXT));
    assert.equal(text, `# TYPE a_total counter\na_total{k="v1"} ${value}\n`);
  }
});

test("A later help text is written once it is known", async () => {
  const series = [createCounterSeries({})];
  const expose = createExposition({ scopeLabels: false, targetInfo: false });
  for (const description of ["", "Now.", "Later."]) {
    const text = textOf(await expose(resourceMetrics([gaugeData({ ...descriptor("g"), description }, series)]), TEXT));
    assert.equal(text, `${description === "" ? "" : `# HELP g ${description}\n`}# TYPE g gauge\ng 0\n`);
  }
});

for (const syntax of SYNTAXES) {
  test(`A metric that a producer hands in broken costs itself and no other, with one warning (${syntax})`, async (t) => {
    const warnings = warningsOf(t);
    for (const point of [
      { attributes: undefined, value: 1 },
      { attributes: {}, value: undefined },
      { attributes: {}, value: "1" },
      undefined,
    ]) {
      const broken = gaugeData(descriptor("broken"), [createCounterSeries({ first: "1" })]);
      Object.assign(broken, { dataPoints: [broken.dataPoints[0], point] });
      const whole = ["a", "z"].map((name) => gaugeData(descriptor(name), [createCounterSeries({})]));
      assert.deepEqual(await familiesIn(resourceMetrics([...whole, broken]), syntax), ["a", "z"]);
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] as string, /^metric "broken" cannot be written \(.*\); it is left out$/);
  });

  test(`A family that fails after several pieces is taken back, and what is around it is whole (${syntax})`, async (t) => {
    warningsOf(t);
    const around = ["a", "z"].map((name) => histograms(700, name));
    const broken = histograms(3_000, "broken");
    Object.assign(broken, { dataPoints: [...broken.dataPoints, { attributes: {}, value: {} }] });
    const render = async (metrics: readonly MetricData[]): Promise<Buffer> => {
      const body = await createExposition()(resourceMetrics(metrics), { syntax, escaping: "underscores" });
      assert.ok(body.byteLength > 3 * 65_536);
      return Buffer.concat(body.chunks);
    };
    assert.ok((await render([...around, broken])).equals(await render(around)));
  });
}

test("Each strategy is written in each escaping that is asked for", async () => {
  const names: Record<string, string> = {};
  const gauge = gaugeData({ name: "a.b", description: "", unit: "s" }, [createCounterSeries({})]);
  for (const translationStrategy of ["underscoreescapingwithsuffixes", "notranslation"] as const) {
    const expose = createExposition({ translationStrategy, scopeLabels: false, targetInfo: false });
    for (const escaping of ["underscores", "allow-utf-8", "dots", "values", "underscores"] as const) {
      const [, sample] = textOf(await expose(resourceMetrics([gauge]), { syntax: "text", escaping })).split("\n");
      names[`${translationStrategy} ${escaping}`] = sample as string;
    }
  }
  assert.deepEqual(names, {
    "underscoreescapingwithsuffixes underscores": "a_b_seconds 0",
    "underscoreescapingwithsuffixes allow-utf-8": "a_b_seconds 0",
    "underscoreescapingwithsuffixes dots": "a_b_seconds 0",
    "underscoreescapingwithsuffixes values": "a_b_seconds 0",
    "notranslation underscores": "a_b 0",
    "notranslation allow-utf-8": '{"a.b"} 0',
    "notranslation dots": "a_dot_b 0",
    "notranslation values": "U__a_2E_b 0",
  });
});

test("Renders at the same time, of the same and of different formats, give the same bytes as alone", async () => {
  const collected = resourceMetrics(
    [histograms(1_500), histograms(1_500, "other"), sumData(descriptor("c"), true, [createCounterSeries({ a: "b" })])],
    RESOURCE,
  );
  const formats = SYNTAXES.flatMap((syntax) =>
    (["underscores", "allow-utf-8"] as const).map((escaping): { syntax: Syntax; escaping: Escaping } => ({
      syntax,
      escaping,
    })),
  );
  const options = { translationStrategy: "noutf8escapingwithsuffixes", created: true } as const;
  const alone: Buffer[] = [];
  for (const format of formats) {
    const body = await createExposition(options)(collected, format);
    alone.push(Buffer.concat(body.chunks));
    body.release();
  }
  const expose = createExposition(options);
  for (let round = 0; round < 2; round++) {
    const order = [...formats, ...formats.toReversed(), ...formats];
    const bodies = await Promise.all(order.map(async (format) => expose(collected, format)));
    for (const [index, body] of bodies.entries()) {
      const format = order[index] as (typeof formats)[number];
      assert.ok(Buffer.concat(body.chunks).equals(alone[formats.indexOf(format)] as Buffer), JSON.stringify(format));
      body.release();
    }
  }
});

test("A body that is held is not changed by renders after it", async () => {
  const expose = createExposition();
  const collected = resourceMetrics([histograms(1_000)]);
  const held = await expose(collected, TEXT);
  const before = textOf(held);
  for (let i = 0; i < 3; i++) {
    const body = await expose(resourceMetrics([histograms(1_000, `other${i}`)]), {
      syntax: "protobuf",
      escaping: "underscores",
    });
    body.release();
  }
  assert.ok(textOf(held) === before);
  held.release();
});

/** The longest time between two turns of the event loop while `run` runs, in ms, and how many there were. */
async function turnsOf(run: () => Promise<Body>): Promise<{ longestMs: number; turns: number; firedTimers: number }> {
  let longestMs = 0;
  let turns = 0;
  let firedTimers = 0;
  let last = performance.now();
  let isOver = false;
  const look = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    turns++;
    if (!isOver) setImmediate(look);
  };
  const timer = setInterval(() => firedTimers++, 1);
  setImmediate(look);
  const body = await run();
  longestMs = Math.max(longestMs, performance.now() - last);
  isOver = true;
  clearInterval(timer);
  body.release();
  return { longestMs, turns, firedTimers };
}

/** Each takes several milliseconds to write. */
const large: Readonly<Record<string, readonly MetricData[]>> = {
  "2,000 histogram series": [histograms(2_000)],
  "1,500 families of one series": Array.from({ length: 1_500 }, (_, index) =>
    gaugeData(descriptor(`gauge.${index}`), [createCounterSeries({ index })]),
  ),
};
for (const [what, metrics] of Object.entries(large)) {
  test(`A render of ${what} lets the app have its turns`, async () => {
    const collected = resourceMetrics(metrics);
    for (const syntax of SYNTAXES) {
      let shortest = Infinity;
      for (let attempt = 0; attempt < 5; attempt++) {
        // A first render, which has all labels to make, and one that has them.
        const expose = createExposition();
        for (let scrape = 0; scrape < 2; scrape++) {
          const found = await turnsOf(() => expose(collected, { syntax, escaping: "underscores" }));
          // Without a pause there is none: what a promise resolves comes before what setImmediate does.
          assert.ok(found.turns > (scrape === 0 ? 2 : 0), `${syntax}: ${found.turns} turns`);
          if (scrape === 0) assert.ok(found.firedTimers > 0, `${syntax}: no timer fired`);
          // What the collector of garbage and other processes add is not ours: the best of several counts.
          shortest = Math.min(shortest, found.longestMs);
        }
      }
      assert.ok(shortest < 10, `${syntax}: a turn of ${shortest.toFixed(1)} ms`);
    }
  });
}

test("What is counted during a render is in a series as a whole, or not at all", async () => {
  const metric = histograms(2_000);
  const series = metric.dataPoints as unknown as ReturnType<typeof createHistogramSeries>[];
  let isOver = false;
  const count = (): void => {
    for (const one of series) recordValue(one, 0.05, 0);
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const body = await createExposition({ scopeLabels: false, targetInfo: false })(resourceMetrics([metric]), TEXT);
  isOver = true;
  const samples = parseSamples(textOf(body));
  const byRoute = Map.groupBy(samples, ({ labels }) => labels["route"]);
  assert.equal(byRoute.size, 2_000);
  const counts = new Set<number>();
  for (const [route, own] of byRoute) {
    const infinite = own.find(({ labels }) => labels["le"] === "+Inf")?.value as number;
    assert.equal(own.find(({ name }) => name === "wait_seconds_count")?.value, infinite, route);
    const buckets = own.filter(({ name }) => name === "wait_seconds_bucket").map(({ value }) => value);
    assert.deepEqual(
      buckets.toSorted((a, b) => a - b),
      buckets,
    );
    counts.add(infinite);
  }
  assert.ok(counts.size > 7, "nothing was counted meanwhile");
});

test("Series that come during a render are in it or not, and what was there is in it once", async () => {
  const metric = histograms(2_000);
  const dataPoints = metric.dataPoints as unknown as ReturnType<typeof createHistogramSeries>[];
  setImmediate(() => dataPoints.push(createHistogramSeries({ route: "new" }, [1])));
  const body = await createExposition({ scopeLabels: false, targetInfo: false })(resourceMetrics([metric]), TEXT);
  const counts = parseSamples(textOf(body)).filter(({ name }) => name === "wait_seconds_count");
  const routes = counts.map(({ labels }) => labels["route"]).filter((route) => route !== "new");
  assert.equal(routes.length, 2_000);
  assert.equal(new Set(routes).size, 2_000);
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
test(
  "promtool accepts a hostile set of names, labels and values",
  { skip: !hasPromtool && "promtool is not installed (npm run servers)" },
  async () => {
    const text = await exposed((meter) => {
      const keys = ["a.b", "a_b", "le", "quantile", "0bad", "", "__name__", "ключ", "otel_scope_name", "x".repeat(500)];
      const values = ['"', "\\", "\n", "\ud800", "", "é", "\u0000", "x".repeat(5_000)];
      for (const [index, value] of values.entries()) {
        const attributes = Object.fromEntries(keys.map((key) => [key, value + index]));
        meter.createCounter("hostile.count", { description: 'A "hostile"\\\nhelp.' }).add(index, attributes);
        meter.createHistogram("hostile.size", { unit: "By", description: "H." }).record(index, attributes);
        meter
          .createGauge(`hostile_${index}`, { description: "G." })
          .record([Number.NaN, Infinity, -Infinity, -0, 1e300][index % 5] as number);
      }
    });
    execFileSync("promtool", ["check", "metrics"], { input: text, stdio: ["pipe", "inherit", "inherit"] });
  },
);
