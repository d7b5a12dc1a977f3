// What two real Prometheus servers read in each format, beside what a real Zipkin holds of the same requests.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { PROMETHEUS_3 } from "../../scripts/servers/prometheus.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";
import { type TestPrometheus, startPrometheus } from "../support/prometheus.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { lacks, lacksServers } from "../support/servers.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const SERVICE = `formats-${process.pid}`;
const REQUESTS = 2_000;
const ERRORS = 200;
const PROTOCOLS = [
  "PrometheusProto",
  "OpenMetricsText1.0.0",
  "OpenMetricsText0.0.1",
  "PrometheusText1.0.0",
  "PrometheusText0.0.4",
];
const COUNT = "http_server_request_duration_seconds_count";
const NATIVE = 'http_server_request_duration_seconds{job="PrometheusProto"}';

const skip =
  (await lacksServers()) || (existsSync(PROMETHEUS_3) ? false : lacks(`there is no ${PROMETHEUS_3} (npm run servers)`));

function jobs(protocols: readonly string[], target: string, further = ""): string {
  return protocols
    .map(
      (protocol) =>
        `  - { job_name: ${protocol}, scrape_protocols: [${protocol}], ${further} static_configs: [{ targets: ["${target}"] }] }\n`,
    )
    .join("");
}

describe("Real Prometheus servers", { skip }, () => {
  let app: RunningApp;
  let newest: TestPrometheus;
  let debian: TestPrometheus;
  let spans: readonly ZipkinSpan[];

  before(async () => {
    app = await runApp({
      app: "varied-app.cjs",
      env: {
        OTEL_SERVICE_NAME: SERVICE,
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${ZIPKIN_URL}/api/v2/spans`,
        OTEL_BSP_SCHEDULE_DELAY: "200",
        OTEL_BSP_MAX_QUEUE_SIZE: "10000",
      },
    });
    const target = new URL(app.metricsUrl).host;
    const everySecond = "global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n";
    const native = "scrape_native_histograms: true, always_scrape_classic_histograms: true,";
    newest = await startPrometheus(
      PROMETHEUS_3,
      everySecond + jobs(PROTOCOLS.slice(0, 1), target, native) + jobs(PROTOCOLS.slice(1), target),
      ["--enable-feature=exemplar-storage,created-timestamp-zero-ingestion"],
    );
    debian = await startPrometheus(
      "prometheus",
      `${everySecond}  - { job_name: debian, static_configs: [{ targets: ["${target}"] }] }\n`,
      ["--enable-feature=exemplar-storage,native-histograms"],
    );
    for (let i = 0; i < REQUESTS; i += 50) {
      const paths = Array.from({ length: 50 }, (_, j) => (((i + j) * ERRORS) % REQUESTS === 0 ? "/bad" : "/ok"));
      await Promise.all(paths.map(async (path) => (await fetch(app.url + path)).text()));
    }
    for (const job of PROTOCOLS) {
      await until(async () => (await newest.query(`sum(${COUNT}{job="${job}"})`)) === REQUESTS);
    }
    await until(
      async () => (await debian.query(`histogram_count(sum(http_server_request_duration_seconds))`)) === REQUESTS,
    );
    spans = await zipkinSpans();
  });
  after(async () => {
    await app.stop();
    await newest.stop();
    await debian.stop();
  });

  test("scrape without an error in each format, and count the same", async () => {
    const targets = await newest.targets();
    assert.deepEqual(new Set(targets.map(({ labels }) => labels["job"])), new Set(PROTOCOLS));
    for (const { labels, health, lastError } of [...targets, ...(await debian.targets())]) {
      assert.deepEqual({ job: labels["job"], health, lastError }, { job: labels["job"], health: "up", lastError: "" });
    }
    for (const job of PROTOCOLS) {
      assert.equal(await newest.query(`sum(${COUNT}{job="${job}"})`), REQUESTS, job);
      assert.equal(
        await newest.query(`sum(${COUNT}{job="${job}",http_response_status_code="500",error_type="500"})`),
        ERRORS,
        job,
      );
      assert.equal(await newest.query(`count(target_info{job="${job}",service_name="${SERVICE}"})`), 1, job);
    }
    assert.equal(await newest.query(`histogram_count(sum(${NATIVE}))`), REQUESTS);
  });

  for (const [name, query, error] of [
    // A native bucket is 9 % wide, and the quantile lies somewhere in it.
    ["newest, native", `sum(${NATIVE})`, 2 ** (1 / 8) - 1],
    ["Debian's, native", "sum(http_server_request_duration_seconds)", 2 ** (1 / 8) - 1],
  ] as const) {
    test(`${name}: histogram_quantile is within a bucket's width of the exact quantile of all durations`, async () => {
      const seconds = spans.map(({ duration }) => duration / 1e6).toSorted((a, b) => a - b);
      assert.equal(seconds.length, REQUESTS);
      const server = name.startsWith("newest") ? newest : debian;
      for (const quantile of [0.5, 0.9, 0.95, 0.99]) {
        const exact = seconds[Math.ceil(quantile * REQUESTS) - 1] as number;
        const found = (await server.query(`histogram_quantile(${quantile}, ${query})`)) as number;
        assert.ok(Math.abs(found - exact) <= error * exact, `p${quantile * 100}: ${found}, exactly ${exact}`);
      }
    });
  }

  test("query_exemplars gives traces that Zipkin has, of the right requests", async () => {
    const now = Date.now() / 1000;
    for (const job of ["PrometheusProto", "OpenMetricsText1.0.0"]) {
      const selector = encodeURIComponent(`http_server_request_duration_seconds_bucket{job="${job}"}`);
      const series = await newest.api<ExemplarSeries[]>(
        `query_exemplars?query=${selector}&start=${now - 600}&end=${now}`,
      );
      const exemplars = series.flatMap((one) =>
        one.exemplars.map((exemplar) => ({ ...exemplar, of: one.seriesLabels })),
      );
      assert.ok(exemplars.length > 10, `${job}: ${exemplars.length}`);
      for (const { labels, value, of } of exemplars) {
        const span = spans.find(({ id }) => id === labels["span_id"]) as ZipkinSpan;
        assert.equal(span.traceId, labels["trace_id"], job);
        assert.equal(span.tags["http.request.id"], labels["request_id"]);
        assert.equal(span.tags["http.response.status_code"], of["http_response_status_code"]);
        assert.ok(Math.abs(span.duration / 1e6 - Number(value)) < 2e-6, `${span.duration} ${value}`);
        assert.ok(Number(value) <= Number(of["le"]));
      }
      const found = await fetch(`${ZIPKIN_URL}/api/v2/trace/${exemplars[0]?.labels["trace_id"]}`);
      assert.equal(found.status, 200);
    }
  });
});

interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: string }[];
}

async function zipkinSpans(): Promise<readonly ZipkinSpan[]> {
  let spans: ZipkinSpan[] = [];
  await until(async () => {
    const response = await fetch(`${ZIPKIN_URL}/api/v2/traces?serviceName=${SERVICE}&limit=${REQUESTS * 2}`);
    spans = ((await response.json()) as ZipkinSpan[][]).flat().filter(({ kind }) => kind === "SERVER");
    return spans.length === REQUESTS;
  });
  return spans;
}

async function until(isDone: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isDone())) {
    if (performance.now() > end) throw new Error(`not done after ${timeoutMs} ms: ${isDone.toString()}`);
    await wait(200);
  }
}
