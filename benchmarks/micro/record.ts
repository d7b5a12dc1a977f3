// In a process of its own: what counting one request costs. `node record.ts CASE SERIES`; prints `@@{"ns":...}@@`.
import { createRequire } from "node:module";
import type { Attributes } from "@opentelemetry/api";
import { RedMetrics } from "../../src/metrics/red-metrics.ts";
import type { RedMetricsOptions } from "../../src/metrics/red-options.ts";
import { BOUNDS, DURATIONS, endAll, labels, spans } from "./workload.ts";

const [name = "", seriesText = "20"] = process.argv.slice(2);
const count = Number(seriesText);
const OPERATIONS = 400_000;
const ROUNDS = 9;
let at = 0;

/** Counts every series once. */
const cases: Record<string, () => () => void> = {
  /** All that a sampled HTTP span feeds: two histograms, classic and exponential, a counter, exemplars, what is active. */
  redtrail: () => redtrail({}, true),
  "redtrail, not sampled": () => redtrail({}, false),
  "redtrail, http.server.request.duration alone": () =>
    redtrail({ families: ["http"], nativeHistograms: false }, false),
  "upstream histogram": () => {
    const fromPeer = createRequire(process.env["BENCH_PEER"] as string);
    const { MeterProvider } = fromPeer("@opentelemetry/sdk-metrics") as typeof import("@opentelemetry/sdk-metrics");
    const { PrometheusExporter } = fromPeer(
      "@opentelemetry/exporter-prometheus",
    ) as typeof import("@opentelemetry/exporter-prometheus");
    const provider = new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] });
    const histogram = provider
      .getMeter("benchmark")
      .createHistogram("http.server.request.duration", { unit: "s", advice: { explicitBucketBoundaries: BOUNDS } });
    const all = Array.from({ length: count }, (_, index) => labels(index));
    // A new object for each request, as its instrumentation makes one.
    return () => {
      for (const of of all) histogram.record(DURATIONS[at++ & 1023] as number, { ...of });
    };
  },
  "prom-client histogram": () => {
    const fromPeer = createRequire(process.env["BENCH_PEER"] as string);
    const { Histogram } = fromPeer("prom-client") as { Histogram: new (options: object) => PromHistogram };
    const labelNames = Object.keys(labels(0)).map((key) => key.replaceAll(".", "_"));
    const histogram = new Histogram({ name: "http_seconds", help: "x", labelNames, buckets: BOUNDS });
    const all = Array.from({ length: count }, (_, index) => underscored(labels(index)));
    return () => {
      for (const of of all) histogram.observe({ ...of }, DURATIONS[at++ & 1023] as number);
    };
  },
};

interface PromHistogram {
  observe(labels: object, value: number): void;
}

function redtrail(options: Partial<RedMetricsOptions>, isSampled: boolean): () => void {
  const red = new RedMetrics({ serviceName: "shop", ...options });
  const ended = spans(count, isSampled);
  return () => {
    at = endAll(ended, at, (span) => {
      red.onStart(span);
      red.onEnd(span);
    });
  };
}

function underscored(attributes: Attributes): object {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key.replaceAll(".", "_"), value]));
}

const create = cases[name];
if (create === undefined) throw new Error(`no case "${name}"; there are ${Object.keys(cases).join("; ")}`);
const countAll = create();
const turns = Math.ceil(OPERATIONS / count);
for (let turn = 0; turn < turns / 2; turn++) countAll();
const ns: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const { user, system } = process.cpuUsage();
  for (let turn = 0; turn < turns; turn++) countAll();
  const after = process.cpuUsage();
  ns.push(((after.user + after.system - user - system) * 1000) / turns / count);
}
console.log(`@@${JSON.stringify({ ns: ns.toSorted((a, b) => a - b)[ROUNDS >> 1] })}@@`);
process.exit(0);
