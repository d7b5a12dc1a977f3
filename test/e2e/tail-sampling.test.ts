// What is decided at the end of a request: failed and slow ones are kept, rules go by route; on both engines, with exact metrics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startZipkin, type ZipkinSpan } from "../support/zipkin.ts";

const CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
/** Spans go out when the process ends, and what is not there then was not sent. */
const AT_THE_END = { OTEL_BSP_SCHEDULE_DELAY: "60000" };

async function get({ url }: RunningApp, path: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${url}${path}`, { headers });
  await response.text();
  return response.status;
}

function requestsOf(scrape: string, labels: Record<string, string> = {}): number {
  return sumOf(scrape, "http_server_request_duration_seconds_count", labels);
}

function describe(spans: readonly ZipkinSpan[]): string[] {
  return spans.map(({ name, tags }) => `${name}: ${tags["redtrail.sampling.kept"] ?? "sampled"}`).toSorted();
}

for (const engine of ["native", "node-sdk"]) {
  test(`${engine}: failed and slow requests are kept at a ratio of 0, all are counted, and what is open at the end is not sent`, async () => {
    const zipkin = await startZipkin();
    const app = await runApp({
      app: "express-app.cjs",
      env: {
        ...AT_THE_END,
        REDTRAIL_ENGINE: engine,
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
        OTEL_TRACES_SAMPLER_ARG: "0",
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        REDTRAIL_SAMPLING_KEEP_ERRORS: "true",
        REDTRAIL_SAMPLING_KEEP_SLOW: "250",
      },
    });
    try {
      for (let count = 0; count < 5; count++) await get(app, `/users/${count}`);
      await get(app, "/fail?token=s3cret");
      await get(app, "/api/users/1/posts/2/fail", { traceparent: CALLER });
      await get(app, "/slow");
      await get(app, "/no/such/path");
      const scrape = await app.scrape();
      assert.equal(requestsOf(scrape), 9);
      assert.equal(requestsOf(scrape, { http_response_status_code: "500" }), 2);
      assert.equal(sumOf(scrape, "redtrail_sampling_kept_total", { reason: "error" }), 2);
      assert.equal(sumOf(scrape, "redtrail_sampling_kept_total", { reason: "slow" }), 1);
      const open = get(app, "/slow").catch(() => {});
      while (sumOf(await app.scrape(), "http_server_active_requests") < 1);
      const { signal, stderr } = await app.stop();
      await open;
      assert.deepEqual([signal, stderr.split("\n").length], ["SIGTERM", 2], stderr);
      const kept = ["get /api/users/:id/posts/:post/fail: error", "get /fail: error", "get /slow: slow"];
      assert.deepEqual(
        describe(zipkin.spans).map((line) => line.replace("GET", "get")),
        kept,
      );
      const ofCaller = zipkin.spans.find(({ parentId }) => parentId === "b7ad6b7169203331");
      assert.equal(ofCaller?.traceId, CALLER.slice(3, 35));
      assert.doesNotMatch(JSON.stringify(zipkin.spans), /s3cret/);
    } finally {
      await app.stop("SIGKILL");
      await zipkin.close();
    }
  });

  test(`${engine}: rules by route, path and ratio, a limit and kept errors together: every request is counted`, async () => {
    const zipkin = await startZipkin();
    const app = await runApp({
      app: "express-app.cjs",
      env: {
        ...AT_THE_END,
        REDTRAIL_ENGINE: engine,
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
        REDTRAIL_SAMPLING_RULES:
          "drop route=/api/users/:id/posts/:post/fail; keep route=/users/:id; 0.5 route=/static; drop path=/no*",
        REDTRAIL_SAMPLING_RATE_LIMIT: "7",
        REDTRAIL_SAMPLING_KEEP_ERRORS: "root",
      },
    });
    try {
      const paths = ["/api/users/1/posts/2/fail", "/no/such/path", "/users/1", "/static/file.css", "/fail", "/"];
      for (let round = 0; round < 10; round++) await Promise.all(paths.map((path) => get(app, path)));
      const scrape = await app.scrape();
      assert.equal(requestsOf(scrape), 60);
      for (const route of ["/api/users/:id/posts/:post/fail", "/users/:id", "/static", "/fail", "/"]) {
        assert.equal(requestsOf(scrape, { http_route: route }), 10, route);
      }
      assert.equal(sumOf(scrape, "traces_span_metrics_calls_total", { span_kind: "SPAN_KIND_SERVER" }), 60);
      await app.stop();
      const names = zipkin.spans.map(({ name }) => name);
      assert.equal(names.filter((name) => name.endsWith(" /fail")).length, 10);
      assert.ok(!names.some((name) => name.includes("/posts/") || name === "GET"), names.join());
      assert.ok(names.length > 10 && names.length < 60, String(names.length));
    } finally {
      await app.stop("SIGKILL");
      await zipkin.close();
    }
  });
}

test("Exemplars point to kept traces, and to no other", async () => {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: "express-app.cjs",
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
      REDTRAIL_SAMPLING_KEEP_ERRORS: "true",
    },
  });
  try {
    for (const path of ["/users/1", "/fail", "/users/2"]) await get(app, path);
    const accept = "application/openmetrics-text; version=1.0.0";
    const scrape = await (await fetch(app.metricsUrl, { headers: { accept } })).text();
    const [failed] = await zipkin.waitFor((spans) => spans.length === 1);
    const ids = [...scrape.matchAll(/# \{[^}]*trace_id="(\w+)"/g)].map(([, id]) => id);
    assert.deepEqual([...new Set(ids)], [failed?.traceId]);
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
});
