// The main job on real servers: the packed tarball beside an Express app that knows nothing of it, a tenth of the traces
// sampled, and still every request in Prometheus.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { PROMETHEUS_TARGETS, PROMETHEUS_URL } from "../../scripts/servers/prometheus.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";
import { type PackedApp, installPacked } from "../support/packed-app.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksServers } from "../support/servers.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const APP = `
const express = require("express");
const http = require("node:http");
const app = express();
app.get("/users/:id", (request, response) => response.json({ id: request.params.id }));
app.get("/fail", () => { throw new Error("on purpose"); });
app.get("/proxy/:id", (request, response) => http.get({ port: server.address().port, path: "/users/" + request.params.id },
  (answer) => answer.pipe(response)));
app.use((error, request, response, next) => response.status(500).send("failed"));
const server = app.listen(0, "127.0.0.1", () => console.log("listening http://127.0.0.1:" + server.address().port));
`;
const REQUESTS = 2_000;
const SERVICE = `main-job-${process.pid}`;
const COUNT = "http_server_request_duration_seconds_count";

const skip = await lacksServers();

describe("The main job", { skip }, () => {
  let packed: PackedApp;
  let app: RunningApp;
  const target = join(PROMETHEUS_TARGETS, `${SERVICE}.json`);

  before(async () => {
    packed = installPacked("express@5.3.0");
    packed.write("app.cjs", APP);
    app = await runApp({
      app: [join(packed.folder, "app.cjs")],
      nodeArgs: ["--require", "redtrail/register"],
      cwd: packed.folder,
      env: {
        OTEL_SERVICE_NAME: SERVICE,
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.1",
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${ZIPKIN_URL}/api/v2/spans`,
      },
    });
    writeFileSync(target, JSON.stringify([{ targets: [new URL(app.metricsUrl).host] }]));
  });
  after(async () => {
    rmSync(target, { force: true });
    await app.stop();
    packed.remove();
  });

  test("2,000 requests at a tenth of sampling are counted exactly, by route and status", async () => {
    const paths = Array.from(
      { length: REQUESTS },
      (_, i) => ["/users/1", `/users/${i}`, "/fail", `/none/${i}`, `/proxy/${i}`][i % 5] as string,
    );
    for (let i = 0; i < paths.length; i += 25) {
      await Promise.all(paths.slice(i, i + 25).map(async (path) => (await fetch(app.url + path)).text()));
    }
    const text = await app.scrape();
    for (const [route, status, expected] of [
      // Two fifths come from outside, one fifth from the proxy route.
      ["/users/:id", "200", 1_200],
      ["/proxy/:id", "200", 400],
      ["/fail", "500", 400],
      [undefined, "404", 400],
    ] as const) {
      assert.equal(sumOf(text, COUNT, { http_route: route, http_response_status_code: status }), expected, route);
    }
    assert.equal(sumOf(text, "http_client_request_duration_seconds_count", { http_response_status_code: "200" }), 400);
    assert.equal(sumOf(text, "traces_span_metrics_calls_total", { span_kind: "SPAN_KIND_SERVER" }), 2_400);
    assert.equal(sumOf(text, "traces_span_metrics_calls_total", { status_code: "STATUS_CODE_ERROR" }), 400);
    assert.equal(sumOf(text, "otel_sdk_exporter_span_exported_total", { error_type: "queue_full" }), 0);
  });

  test("Zipkin holds about a tenth of the traces, each whole, with the request id on every span", async (t) => {
    const traces = await zipkinTraces(SERVICE);
    t.diagnostic(`${traces.length} traces of ${REQUESTS} requests`);
    assert.ok(traces.length > 140 && traces.length < 260, `${traces.length} traces`);
    for (const spans of traces) {
      const ids = new Set(spans.map(({ tags }) => tags["http.request.id"]));
      assert.equal(ids.size, 1);
      assert.match([...ids][0] ?? "", /^[0-9a-f-]{36}$/);
      const root = spans.filter(({ parentId }) => parentId === undefined);
      assert.equal(root.length, 1, JSON.stringify(spans));
      const known = new Set(spans.map(({ id }) => id));
      for (const { parentId } of spans) assert.ok(parentId === undefined || known.has(parentId));
      assert.equal(spans.length, root[0]?.tags["http.route"] === "/proxy/:id" ? 3 : 1);
    }
    const failed = traces.flat().filter(({ tags }) => tags["http.route"] === "/fail");
    assert.ok(failed.length > 0);
    for (const { tags } of failed) assert.ok("error" in tags);
  });

  test("Prometheus scrapes it without an error, and counts the same", async () => {
    const instance = new URL(app.metricsUrl).host;
    const deadline = performance.now() + 30_000;
    let total: number | undefined;
    while (total !== 2_400 && performance.now() < deadline) {
      await wait(250);
      total = await query(`sum(${COUNT}{instance="${instance}"})`);
    }
    assert.equal(total, 2_400);
    assert.equal(await query(`up{instance="${instance}"}`), 1);
    const { data } = (await (await fetch(`${PROMETHEUS_URL}/api/v1/targets?state=active`)).json()) as {
      data: { activeTargets: { labels: { instance: string }; lastError: string; health: string }[] };
    };
    const found = data.activeTargets.find(({ labels }) => labels.instance === instance);
    assert.deepEqual([found?.health, found?.lastError], ["up", ""]);
  });

  test("promtool has no complaint about the scrape, but of two names that are the conventions'", async () => {
    const input = await app.scrape();
    const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
    const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line !== "");
    assert.deepEqual(
      complaints.filter((line) => !/^process_(thread|unix_file_descriptor)_count .*"_count" suffix/.test(line)),
      [],
    );
  });

  test("The installed tree has one copy of each @opentelemetry package", () => {
    const versions = new Map<string, Set<string>>();
    const paths = packed.npm("ls", "--all", "--parseable", "--long").split("\n");
    for (const line of paths) {
      const match = /:(@opentelemetry\/[^@]+)@([^:]+)/.exec(line);
      if (match === null) continue;
      const [, name, version] = match as unknown as [string, string, string];
      versions.set(name, (versions.get(name) ?? new Set()).add(`${version} ${line.split(":")[0]}`));
    }
    assert.ok(versions.size > 10);
    for (const [name, copies] of versions) assert.equal(copies.size, 1, `${name}: ${[...copies].join(", ")}`);
  });

  test("A broken setting is one line, and the app runs", async () => {
    const broken = await runApp({
      app: [join(packed.folder, "app.cjs")],
      nodeArgs: ["--require", "redtrail/register"],
      cwd: packed.folder,
      env: { OTEL_BSP_SCHEDULE_DELAY: "soon", OTEL_TRACES_EXPORTER: "none" },
    });
    assert.equal((await fetch(`${broken.url}/users/1`)).status, 200);
    assert.match(
      broken.stderr(),
      /^redtrail: OTEL_BSP_SCHEDULE_DELAY="soon" is not a number; using 5000\nredtrail: [^\n]+\n$/,
    );
    await broken.stop();
  });
});

async function zipkinTraces(service: string): Promise<ZipkinSpan[][]> {
  const url = `${ZIPKIN_URL}/api/v2/traces?serviceName=${service}&limit=5000`;
  let traces: ZipkinSpan[][] = [];
  // Zipkin indexes after it has answered: what counts is the number that stays.
  for (let stable = 0; stable < 4;) {
    await wait(250);
    const next = (await (await fetch(url)).json()) as ZipkinSpan[][];
    stable = next.length === traces.length && next.flat().length === traces.flat().length ? stable + 1 : 0;
    traces = next;
  }
  return traces;
}

async function query(promql: string): Promise<number | undefined> {
  const response = await fetch(`${PROMETHEUS_URL}/api/v1/query?query=${encodeURIComponent(promql)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  const [first] = data.result;
  return first === undefined ? undefined : Number(first.value[1]);
}
