import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import test from "node:test";
import type { Meter } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationType, MeterProvider } from "@opentelemetry/sdk-metrics";
import { PullReader } from "../../../src/exporters/prometheus/reader.ts";
import { createSerializer } from "../../../src/exporters/prometheus/serialize.ts";
import { parseSamples } from "../../support/scrape.ts";

/** The exposition of what `record` does with the OpenTelemetry metrics API; the scope is left out of it. */
async function exposed(record: (meter: Meter, provider: MeterProvider) => void): Promise<string> {
  const reader = new PullReader();
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ "service.name": "shop", "k8s.pod.name": "a" }),
    readers: [reader],
    views: [{ instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  });
  record(provider.getMeter("test", "1"), provider);
  const text = createSerializer()(await reader.collectShared(1_000));
  return text.replaceAll(/(,?)otel_scope_name="test",otel_scope_version="1"(,?)/g, (_, a, b) =>
    a !== "" && b !== "" ? "," : "",
  );
}

const TARGET = `# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{k8s_pod_name="a",service_name="shop"} 1\n`;

test("A counter, a gauge and a histogram are written with their types, units and cumulative buckets", async () => {
  const text = await exposed((meter) => {
    meter.createCounter("jobs", { description: "Jobs done.\nAll of them." }).add(3, { queue: "a" });
    meter.createGauge("depth", { unit: "By" }).record(1.5);
    const histogram = meter.createHistogram("wait", { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1] } });
    for (const value of [0.05, 0.1, 0.5, 2]) histogram.record(value, { queue: "a" });
  });
  assert.equal(
    text,
    `# TYPE depth_bytes gauge
depth_bytes{} 1.5
# HELP jobs_total Jobs done.\\nAll of them.
# TYPE jobs_total counter
jobs_total{queue="a"} 3
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="a",le="0.1"} 2
wait_seconds_bucket{queue="a",le="1"} 3
wait_seconds_bucket{queue="a",le="+Inf"} 4
wait_seconds_sum{queue="a"} 2.65
wait_seconds_count{queue="a"} 4
${TARGET}`,
  );
});

test("Every sample says its scope", async () => {
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter("my-lib", "2.0").createCounter("a").add(1);
  const text = createSerializer()(await reader.collectShared(1_000));
  assert.match(text, /^a_total\{otel_scope_name="my-lib",otel_scope_version="2.0"\} 1$/m);
});

test("A family is written once for all scopes that have it, with the first help text", async () => {
  const text = await exposed((_, provider) => {
    provider.getMeter("one").createCounter("jobs", { description: "First." }).add(1);
    provider.getMeter("two").createCounter("other").add(1);
    provider.getMeter("three").createCounter("jobs", { description: "Second." }).add(2);
  });
  assert.equal(text.match(/# TYPE jobs_total/g)?.length, 1);
  assert.match(text, /# HELP jobs_total First\./);
  const names = parseSamples(text).map(({ name }) => name);
  assert.deepEqual(names, ["jobs_total", "jobs_total", "other_total", "target_info"]);
});

test("A family of another type, a clash with a histogram's samples, and series that become one are left out", async () => {
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
  assert.ok(!text.includes("exponential"));
  assert.match(text, /^h_count\{?\}? 1$/m);
});

test("Labels are rendered once per series, and a later value of the same series is written", async () => {
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  const counter = provider.getMeter("m").createCounter("a");
  const serialize = createSerializer();
  for (const expected of [1, 2, 3]) {
    counter.add(1, { k: "v" });
    assert.match(serialize(await reader.collectShared(1_000)), new RegExp(`^a_total\\{.*k="v".*\\} ${expected}$`, "m"));
  }
});

test("Series that are one to Prometheus are written once", async () => {
  const text = await exposed((meter) => {
    const gauge = meter.createGauge("g");
    gauge.record(1, { "a.b": "1", a_a: "2" });
    gauge.record(2, { a_b: "1", "a.a": "2" });
    gauge.record(3, { a_b: "1", "a.a": "2", none: "" });
  });
  assert.deepEqual(text.match(/^g\{.*$/gm), ['g{a_a="2",a_b="1"} 1']);
});

test("A metric that a producer hands in broken costs itself and no other", async () => {
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter("m").createGauge("broken").record(1);
  provider.getMeter("m").createGauge("whole").record(1);
  const collected = await reader.collectShared(1_000);
  for (const point of [
    { attributes: undefined, value: 1 },
    { attributes: {}, value: undefined },
  ]) {
    const metrics = collected.scopeMetrics.flatMap((one) => one.metrics);
    Object.assign(metrics.find(({ descriptor }) => descriptor.name === "broken") as object, { dataPoints: [point] });
    const names = parseSamples(createSerializer()(collected)).map(({ name }) => name);
    assert.deepEqual(names, ["whole", "target_info"]);
  }
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
