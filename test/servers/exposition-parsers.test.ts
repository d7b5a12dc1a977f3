// What other people's parsers read in our expositions of the most hostile metrics that an app can record.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Attributes, SpanKind, TraceFlags } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationType, MeterProvider, type ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { PROMETHEUS_3 } from "../../scripts/servers/prometheus.ts";
import { PYTHON } from "../../scripts/servers/python.ts";
import { setLogLevel } from "../../src/diagnostics/log.ts";
import { type ExpositionOptions, createExposition } from "../../src/exporters/prometheus/exposition.ts";
import type { Escaping, Syntax } from "../../src/exporters/prometheus/format.ts";
import type { TranslationStrategy } from "../../src/exporters/prometheus/names.ts";
import { PullReader } from "../../src/exporters/prometheus/reader.ts";
import { ScrapeMetrics } from "../../src/exporters/prometheus/scrape-metrics.ts";
import { RedMetrics } from "../../src/metrics/red-metrics.ts";
import { createRuntimeMetrics } from "../../src/metrics/runtime/runtime-metrics.ts";
import { startPrometheus } from "../support/prometheus.ts";
import { type DecodedFamily, type DecodedMetric, decodeFamilies } from "../support/proto-decode.ts";
import { lacks } from "../support/servers.ts";

setLogLevel("none");

const STRATEGIES: readonly TranslationStrategy[] = [
  "underscoreescapingwithsuffixes",
  "underscoreescapingwithoutsuffixes",
  "noutf8escapingwithsuffixes",
  "notranslation",
];
const ESCAPINGS: readonly Escaping[] = ["underscores", "allow-utf-8", "dots", "values"];

const NAMES = [
  "a.b",
  "a_b",
  "a-b",
  "a..b",
  "9lives",
  "",
  ":colons:in:it",
  "grüße.中国",
  "中国",
  "\ud800lone",
  'quote"s',
  "back\\slash",
  "new\nline",
  "{brace}",
  "sp ace # hash",
  "seconds",
  "foo.seconds",
  "bytes",
  "total",
  "jobs.total",
  "jobs_total",
  "le",
  "constructor",
  "__proto__",
  "_lead",
  "trail_",
  "target",
  "target.info",
  "# EOF",
];
const UNITS = [
  "",
  "s",
  "1",
  "By",
  "By/s",
  "{thing}",
  "{thing}/s",
  "m/{x}",
  "°C",
  "Ki\nB",
  "a b/c d",
  "\udfff",
  "/",
  '"',
  "__proto__",
];
const KEYS = [
  "a.b",
  "a_b",
  "a-b",
  "le",
  "quantile",
  "0bad",
  "",
  "__name__",
  "..reserved",
  "_x",
  "ключ",
  "otel_scope_name",
  "\ud800",
  "\udfff",
  'q"uote',
  "new\nline",
  "back\\",
  "exported_le",
  "job",
  "__proto__",
];
const TEXTS = [
  '"',
  "\\",
  "\n",
  "\r",
  "\t",
  "\ud800",
  "x\udfff",
  "",
  "é 中 😀",
  "\u0000",
  "\u2028",
  "\\n",
  '\\"',
  "} 1 # {",
  " ",
];
const VALUES = [Number.NaN, Infinity, -Infinity, -0, 0, 1e308, 5e-324, 2 ** 53 + 1, -1e21, 1 / 3, -2.5];

function attributesOf(text: string): Attributes {
  // Not a literal: `__proto__` is to be a key.
  return Object.fromEntries(KEYS.map((key, index) => [key, text + index]));
}

/** What only a hostile app does, through OpenTelemetry's own SDK. */
async function collectHostile(): Promise<ResourceMetrics> {
  const red = createRed();
  const reader = new PullReader({
    metricProducers: [
      { collect: async () => ({ resourceMetrics: { resource: EMPTY, scopeMetrics: red.collect() }, errors: [] }) },
    ],
  });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ ...attributesOf("resource"), "service.name": 'sh"op\n' }),
    readers: [reader],
    views: [
      { instrumentName: "exponential*", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      {
        instrumentName: "sumless",
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [-1, 0, 1] } },
      },
    ],
  });
  const meter = provider.getMeter("hostile", "1", { schemaUrl: "https://example.com/1" });
  for (const [index, name] of NAMES.entries()) {
    const unit = UNITS[index % UNITS.length] as string;
    const description = TEXTS[index % TEXTS.length] as string;
    meter.createCounter(name, { unit, description }).add(index, { index });
    meter.createUpDownCounter(`up.${name}`, { unit, description }).add(-index, { index });
    meter.createHistogram(`of.${name}`, { unit, description }).record(index, { index });
    provider.getMeter(name, name).createGauge(`scoped.${name}`, { unit }).record(index);
  }
  for (const unit of UNITS) {
    for (const name of ["m", "m.seconds", "bytes_per_second", "s"]) {
      meter.createGauge(`${name}.${UNITS.indexOf(unit)}`, { unit }).record(1);
      meter.createCounter(`count.${name}.${UNITS.indexOf(unit)}`, { unit }).add(1);
      provider.getMeter("other").createHistogram(`timed.${name}`, { unit }).record(1);
    }
  }
  for (const [index, text] of TEXTS.entries()) {
    const attributes = attributesOf(text);
    meter.createCounter("hostile.count", { description: 'A "hostile"\\\nhelp.' }).add(index, attributes);
    meter.createHistogram("hostile.size", { unit: "By", description: text }).record(index, attributes);
    meter.createHistogram("exponential.hostile").record(index, attributes);
    provider.getMeter(text, text, { schemaUrl: text }).createGauge("of.scopes", { description: text }).record(index);
  }
  meter.createCounter("n".repeat(10_000), { description: "d".repeat(10_000) }).add(1, { ["k".repeat(10_000)]: "1" });
  meter.createHistogram("long.value", { unit: "u".repeat(1_000) }).record(1, { long: "é".repeat(10_000) });
  const observe = meter.createObservableGauge("values");
  observe.addCallback((result) => {
    for (const [index, value] of VALUES.entries()) result.observe(value, { index });
  });
  meter.createObservableCounter("poisoned").addCallback((result) => {
    for (const [index, value] of VALUES.entries()) result.observe(value, { index });
  });
  const bounds = { advice: { explicitBucketBoundaries: [-Infinity, -1, 0, 0.005, 1, 1e21, Infinity] } };
  const odd = meter.createHistogram("odd.bounds", bounds);
  const exponential = meter.createHistogram("exponential");
  const wide = meter.createHistogram("exponential.wide");
  for (const value of VALUES) {
    odd.record(value, { one: "1" });
    exponential.record(Math.abs(value) % 1e6, { one: "1" });
    wide.record(value);
  }
  const sumless = meter.createUpDownCounter("sumless");
  for (const value of [-5, 0.5, 7]) sumless.add(value);
  meter.createHistogram("exponential.zero").record(0);
  // Families that clash: types, units, help, sample names.
  meter.createHistogram("clash", { unit: "s" }).record(1);
  for (const suffix of ["", ".count", ".sum", ".bucket", ".created", ".seconds", ".seconds.count"]) {
    provider.getMeter("clasher", "", {}).createGauge(`clash${suffix}`, { description: suffix }).record(1);
    provider.getMeter("counter").createCounter(`clash${suffix}`, { unit: "s", description: suffix }).add(1);
    provider.getMeter("third").createCounter(`clash${suffix}.total`, { unit: "ms", description: suffix }).add(1);
  }
  return reader.collectShared(5_000);
}

const EMPTY = resourceFromAttributes({});

function createRed(): RedMetrics {
  const red = new RedMetrics({ serviceName: 'sh"op\n\ud800' });
  const now = Math.floor(Date.now() / 1000);
  const kinds = [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER];
  for (const [index, text] of TEXTS.entries()) {
    const span = {
      kind: kinds[index % kinds.length],
      name: text,
      attributes: {
        "http.request.method": "GET",
        "http.route": text,
        "server.address": text,
        "messaging.system": text,
        "error.type": text,
        // Python takes an escaped quote in an exemplar for the end of the value; text.test.ts has those.
        "http.request.id": TEXTS[(index * 3) % TEXTS.length]?.replaceAll('"', "'"),
      },
      status: { code: index % 3 },
      startTime: [now - 1, 0],
      endTime: [now, index * 1e6],
      duration: [index, 1],
      instrumentationScope: { name: text },
      spanContext: () => ({
        traceId: index.toString(16).padStart(32, "1"),
        spanId: index.toString(16).padStart(16, "2"),
        traceFlags: TraceFlags.SAMPLED,
      }),
    } as unknown as ReadableSpan;
    red.onStart(span);
    red.onEnd(span);
  }
  return red;
}

async function rendered(
  collected: ResourceMetrics,
  syntax: Syntax,
  escaping: Escaping,
  options: ExpositionOptions,
): Promise<Buffer> {
  const body = await createExposition(options)(collected, { syntax, escaping });
  const bytes = Buffer.concat(body.chunks);
  body.release();
  return bytes;
}

interface PythonSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
  readonly exemplar: { readonly labels: object; readonly value: string; readonly timestamp: string } | null;
}

interface PythonFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  readonly samples: readonly PythonSample[];
}

type PythonAnswer =
  | { readonly families: readonly PythonFamily[]; readonly error?: undefined }
  | { readonly error: string };

const CLIENT = fileURLToPath(new URL("../support/prometheus-client.py", import.meta.url));

function parseInPython(expositions: readonly { syntax: Syntax; body: string }[]): PythonAnswer[] {
  const { status, stdout, stderr } = spawnSync(PYTHON, [CLIENT], {
    input: JSON.stringify(expositions),
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as PythonAnswer[];
}

/** `name{labels}` and value of each sample, as both sides can be compared. */
function keyOf(name: string, labels: Iterable<readonly [string, string]>): string {
  return JSON.stringify([name, Array.from(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

function ofPython(families: readonly PythonFamily[]): Map<string, number> {
  const samples = families.flatMap((family) => family.samples).filter(({ name }) => name !== "target_info");
  const found = samples.map(({ name, labels, value }) => {
    // Python's inf and nan; a bound is `1.0` in one syntax and `1` in the other.
    const entries = Object.entries(labels).map(
      ([key, text]) => [key, key === "le" ? String(toNumber(text)) : text] as const,
    );
    return [keyOf(name, entries), toNumber(value)] as const;
  });
  assert.equal(new Set(found.map(([key]) => key)).size, found.length, "a series is there twice");
  return new Map(found);
}

function toNumber(text: string): number {
  return Number(text.replace(/^([+-]?)inf$/i, "$1Infinity"));
}

/** What the protobuf of the same metrics says, read by the test's own decoder, as samples of text. */
function ofProtobuf(families: readonly DecodedFamily[], syntax: Syntax): Map<string, number> {
  const samples = new Map<string, number>();
  for (const { name, type, metrics } of families) {
    if (name === "target_info") continue;
    // Python calls every counter of the text format so.
    const isBare = syntax === "text" && type === "counter" && !name.endsWith("_total");
    for (const metric of metrics) addSamples(samples, isBare ? `${name}_total` : name, metric, syntax);
  }
  return samples;
}

function addSamples(samples: Map<string, number>, name: string, metric: DecodedMetric, syntax: Syntax): void {
  const { labels, value, histogram } = metric;
  if (histogram === undefined) {
    samples.set(keyOf(name, labels), value as number);
    return;
  }
  const { buckets, count, sum } = histogram;
  for (const { upperBound, cumulativeCount } of buckets) {
    samples.set(keyOf(`${name}_bucket`, [...labels, ["le", String(upperBound)]]), cumulativeCount);
  }
  if (buckets.length === 0) samples.set(keyOf(`${name}_bucket`, [...labels, ["le", "Infinity"]]), count);
  const isSumless = name.includes("sumless");
  const isNegative = buckets.some(({ upperBound }) => upperBound < 0) || !(sum >= 0);
  const hasSum = !isSumless && !(syntax === "openmetrics" && isNegative);
  if (hasSum) samples.set(keyOf(`${name}_sum`, labels), sum);
  if (hasSum || syntax === "text") samples.set(keyOf(`${name}_count`, labels), count);
}

const noPython = existsSync(PYTHON) ? false : lacks(`there is no ${PYTHON} (npm run servers)`);
const noPromtool =
  spawnSync("promtool", ["--version"]).status === 0 ? false : lacks("promtool is not installed (npm run servers)");

const noPrometheus = existsSync(PROMETHEUS_3) ? false : lacks(`there is no ${PROMETHEUS_3} (npm run servers)`);

for (const translationStrategy of STRATEGIES) {
  // What is created differs for counters with and without `_total`.
  for (const created of translationStrategy.startsWith("underscore") ? [false, true] : [false]) {
    test(
      `Python's strict parsers read what we wrote (${translationStrategy}${created ? ", with _created" : ""})`,
      { skip: noPython },
      async () => {
        const collected = await collectHostile();
        const options = { translationStrategy, created, resourceLabels: ["service.*"] };
        const cases = await Promise.all(
          ESCAPINGS.flatMap((escaping) =>
            (["openmetrics", "text"] as const).map(async (syntax) => ({
              escaping,
              syntax,
              body: (await rendered(collected, syntax, escaping, options)).toString("utf8"),
            })),
          ),
        );
        const answers = parseInPython(cases);
        for (const [index, { escaping, syntax }] of cases.entries()) {
          const answer = answers[index] as PythonAnswer;
          const about = `${syntax}, ${escaping}`;
          assert.equal(answer.error, undefined, about);
          const families = decodeFamilies(await rendered(collected, "protobuf", escaping, options));
          await checkFamilies((answer as { families: PythonFamily[] }).families, families, { syntax, created, about });
        }
      },
    );
  }
}

async function checkFamilies(
  found: readonly PythonFamily[],
  written: readonly DecodedFamily[],
  { syntax, created, about }: { syntax: Syntax; created: boolean; about: string },
): Promise<void> {
  const samples = ofPython(
    found.map((family) => {
      const own = family.samples.filter(({ name }) => family.type === "gauge" || name !== `${family.name}_created`);
      if (created && syntax === "openmetrics" && ["counter", "histogram"].includes(family.type)) {
        assert.ok(own.length < family.samples.length, `${about}: ${family.name} was never created`);
      }
      return { ...family, samples: own };
    }),
  );
  const expected = ofProtobuf(written, syntax);
  const names = new Set(found.flatMap((family) => family.samples.map(({ name }) => name)));
  for (const [key, value] of expected) {
    const [name] = JSON.parse(key) as [string];
    // OpenMetrics has fewer names: of two families that are one there, the second is left out.
    if (syntax === "openmetrics" && !names.has(name)) continue;
    assert.ok(samples.has(key), `${about}: ${key.slice(0, 300)} is missing`);
    assert.ok(Object.is(samples.get(key) || 0, value || 0), `${about}: ${key.slice(0, 300)} is ${samples.get(key)}`);
  }
  for (const key of samples.keys())
    assert.ok(expected.has(key), `${about}: ${key.slice(0, 300)} is not in the protobuf`);
  assert.ok(samples.size > 0.8 * expected.size, `${about}: ${samples.size} of ${expected.size}`);
}

/** What `promtool check metrics` says against a text: nothing, if all is well. Its lint goes to stderr as well. */
function promtool(body: Buffer): { readonly lint: string; readonly isParsed: boolean } {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" });
  // 1 is for a text that it cannot read, 3 for one that it would have written otherwise.
  return { lint: stdout + stderr, isParsed: status === 0 || status === 3 };
}

for (const translationStrategy of STRATEGIES) {
  test(`promtool reads what we wrote (${translationStrategy})`, { skip: noPromtool }, async () => {
    const collected = await collectHostile();
    for (const escaping of ESCAPINGS) {
      // Debian's promtool is older than names in quotes.
      if (escaping === "allow-utf-8" && !translationStrategy.startsWith("underscore")) continue;
      const { lint, isParsed } = promtool(await rendered(collected, "text", escaping, { translationStrategy }));
      assert.ok(isParsed, `${escaping}: ${lint.slice(-2_000)}`);
      assert.doesNotMatch(lint, /error while linting|text format parsing error/);
    }
  });
}

test("promtool has nothing against redtrail's own metrics", { skip: noPromtool }, async () => {
  const scrapes = new ScrapeMetrics();
  scrapes.add("text", 0.001, 1_000);
  const collected = { resource: EMPTY, scopeMetrics: [...createRed().collect(), scrapes.collect()] };
  const { lint, isParsed } = promtool(await rendered(collected, "text", "underscores", {}));
  assert.deepEqual({ lint, isParsed }, { lint: "", isParsed: true });
});

test(
  "promtool has nothing against the runtime metrics but names of the conventions",
  { skip: noPromtool },
  async () => {
    const runtime = createRuntimeMetrics();
    const collected = { resource: EMPTY, scopeMetrics: [runtime.collectSync()] };
    const text = await rendered(collected, "text", "underscores", {});
    runtime.stop();
    assert.match(text.toString(), /^process_cpu_time_seconds_total/m);
    const { lint, isParsed } = promtool(text);
    assert.ok(isParsed, lint);
    const others = lint.split("\n").filter((line) => !/^(process_\w+_count .* "_count" suffix)?$/.test(line));
    assert.deepEqual(others, []);
  },
);

const CONTENT_TYPES: Record<Syntax, string> = {
  text: "text/plain; version=0.0.4",
  openmetrics: "application/openmetrics-text; version=1.0.0",
  protobuf: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
};

test("Prometheus takes what we wrote, in each syntax, escaping and strategy", { skip: noPrometheus }, async () => {
  const bodies = new Map<string, { type: string; body: Buffer }>();
  const collected = await collectHostile();
  for (const translationStrategy of STRATEGIES) {
    for (const escaping of ESCAPINGS) {
      for (const syntax of ["text", "openmetrics", "protobuf"] as const) {
        const body = await rendered(collected, syntax, escaping, { translationStrategy, created: true });
        bodies.set(`/${translationStrategy}/${escaping}/${syntax}`, { type: CONTENT_TYPES[syntax], body });
      }
    }
  }
  const server = createServer(({ url = "" }, response) => {
    const { type, body } = bodies.get(url) as { type: string; body: Buffer };
    response.writeHead(200, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const jobs = Array.from(
    bodies.keys(),
    (path, index) =>
      `  - { job_name: "${index}", metrics_path: ${path}, static_configs: [{ targets: ["127.0.0.1:${port}"] }] }\n`,
  );
  const config = `global: { scrape_interval: 2s, scrape_timeout: 2s }\nscrape_configs:\n${jobs.join("")}`;
  const prometheus = await startPrometheus(PROMETHEUS_3, config);
  try {
    const isSeen = async (): Promise<boolean> =>
      (await prometheus.targets()).every(({ health }) => health !== "unknown");
    for (let i = 0; i < 100 && !(await isSeen()); i++) await wait(100);
    for (const { labels, health, lastError } of await prometheus.targets()) {
      const path = Array.from(bodies.keys())[Number(labels["job"])];
      assert.deepEqual({ path, health, lastError }, { path, health: "up", lastError: "" });
    }
  } finally {
    await prometheus.stop();
    server.close();
    server.closeAllConnections();
  }
});
