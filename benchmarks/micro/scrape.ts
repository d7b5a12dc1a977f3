// In a process of its own: what one scrape costs. `node --expose-gc scrape.ts CASE SERIES`; prints `@@{...}@@`.
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { createExposition } from "../../src/exporters/prometheus/exposition.ts";
import type { Syntax } from "../../src/exporters/prometheus/format.ts";
import { RedMetrics } from "../../src/metrics/red-metrics.ts";
import { BOUNDS, DURATIONS, endAll, labels, spans } from "./workload.ts";

export interface ScrapeResult {
  readonly lines: number;
  readonly bytes: number;
  readonly firstMs: number;
  readonly ms: number;
  /** Allocated by one scrape, buffers included. */
  readonly garbageMb: number;
  /** The longest time that nothing else could run. */
  readonly stallMs: number;
}

interface Case {
  /** Counts something in each series. */
  touch(): void;
  /** Resolves with the bytes of the body, once they could be written to a socket, and how to let it go. */
  scrape(): Promise<{ text: () => string; bytes: number; release: () => void }>;
}

const [name = "", seriesText = "600"] = process.argv.slice(2);
const count = Number(seriesText);
const ROUNDS = 15;
const WARM_UP = 5;

const cases: Record<string, () => Case> = {
  "redtrail, text 0.0.4": () => redtrail("text", false),
  "redtrail, OpenMetrics, an exemplar in each bucket": () => redtrail("openmetrics", true),
  "redtrail, protobuf, exemplars and native histograms": () => redtrail("protobuf", true),
  upstream: () => {
    const fromPeer = createRequire(process.env["BENCH_PEER"] as string);
    const { MeterProvider } = fromPeer("@opentelemetry/sdk-metrics") as typeof import("@opentelemetry/sdk-metrics");
    const { PrometheusExporter, PrometheusSerializer } = fromPeer(
      "@opentelemetry/exporter-prometheus",
    ) as typeof import("@opentelemetry/exporter-prometheus");
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const serializer = new PrometheusSerializer();
    const histogram = new MeterProvider({ readers: [exporter] })
      .getMeter("benchmark")
      .createHistogram("http.server.request.duration", { unit: "s", advice: { explicitBucketBoundaries: BOUNDS } });
    const all = Array.from({ length: count }, (_, index) => labels(index));
    return {
      touch: () => {
        for (const [index, of] of all.entries()) histogram.record(DURATIONS[index & 1023] as number, of);
      },
      scrape: async () => whole(serializer.serialize((await exporter.collect()).resourceMetrics)),
    };
  },
  "prom-client": () => {
    const fromPeer = createRequire(process.env["BENCH_PEER"] as string);
    const { Histogram, register } = fromPeer("prom-client") as PromClient;
    const underscored = (key: string): string => key.replaceAll(".", "_");
    const labelNames = Object.keys(labels(0)).map(underscored);
    const histogram = new Histogram({ name: "http_seconds", help: "x", labelNames, buckets: BOUNDS });
    const all = Array.from({ length: count }, (_, index) =>
      Object.fromEntries(Object.entries(labels(index)).map(([key, value]) => [underscored(key), value])),
    );
    return {
      touch: () => {
        for (const [index, of] of all.entries()) histogram.observe(of, DURATIONS[index & 1023] as number);
      },
      scrape: async () => whole(await register.metrics()),
    };
  },
};

interface PromClient {
  readonly Histogram: new (options: object) => { observe(labels: object, value: number): void };
  readonly register: { metrics(): Promise<string> };
}

function whole(text: string): Awaited<ReturnType<Case["scrape"]>> {
  const body = Buffer.from(text, "utf8");
  return { text: () => text, bytes: body.length, release: () => {} };
}

function redtrail(syntax: Syntax, hasExtras: boolean): Case {
  const red = new RedMetrics({ serviceName: "shop", families: ["http"], nativeHistograms: hasExtras });
  const expose = createExposition();
  const ended = spans(count, hasExtras);
  const resource = resourceFromAttributes({ "service.name": "shop" });
  let at = 0;
  return {
    touch: () => void (at = endAll(ended, at, (span) => red.onEnd(span))),
    scrape: async () => {
      const body = await expose({ resource, scopeMetrics: red.collect() }, { syntax, escaping: "underscores" });
      return {
        text: () => Buffer.concat(body.chunks).toString("utf8"),
        bytes: body.byteLength,
        release: () => body.release(),
      };
    },
  };
}

const create = cases[name];
if (create === undefined) throw new Error(`no case "${name}"; there are ${Object.keys(cases).join("; ")}`);
const { touch, scrape } = create();
for (let i = 0; i < 50; i++) touch();

let longest = 0;
let last = 0;
let isWatching = false;
/** Comes by in each turn of the loop. */
function watch(): void {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
  if (isWatching) setImmediate(watch);
}

function allocated(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const ms: number[] = [];
const garbage: number[] = [];
const stalls: number[] = [];
let lines = 0;
let bytes = 0;
for (let round = 0; round < ROUNDS + WARM_UP; round++) {
  touch();
  // The young generation alone: a full collection before each scrape would move all series, which no process does.
  (globalThis.gc as ((options: { type: string }) => void) | undefined)?.({ type: "minor" });
  await wait(100);
  const before = allocated();
  isWatching = true;
  longest = 0;
  last = performance.now();
  setImmediate(watch);
  const began = performance.now();
  const body = await scrape();
  ms.push(performance.now() - began);
  watch();
  isWatching = false;
  garbage.push((allocated() - before) / 1e6);
  stalls.push(longest);
  bytes = body.bytes;
  if (round === 0)
    lines = body
      .text()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#")).length;
  body.release();
  await new Promise((resolve) => setImmediate(resolve));
}
const median = (values: readonly number[]): number => values.slice(WARM_UP).toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
const result: ScrapeResult = {
  lines,
  bytes,
  firstMs: ms[0] ?? 0,
  ms: median(ms),
  garbageMb: median(garbage),
  stallMs: Math.max(...stalls.slice(WARM_UP)),
};
console.log(`@@${JSON.stringify(result)}@@`);
process.exit(0);
