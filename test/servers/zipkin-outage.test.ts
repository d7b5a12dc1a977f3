// A real Zipkin goes away for 20 seconds under traffic and comes back: nothing is lost, and the app does not feel it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { ZIPKIN_JAR } from "../../scripts/servers/zipkin.ts";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksServers } from "../support/servers.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const PORT = "9422";
const BASE = `http://127.0.0.1:${PORT}`;
const REQUESTS_PER_SECOND = 40;
const SERVICE = `outage-${process.pid}`;

const skip = await lacksServers();

async function startOwnZipkin(): Promise<ChildProcess> {
  const env = { ...process.env, QUERY_PORT: PORT, STORAGE_TYPE: "mem" };
  const child = spawn("java", ["-Xmx256m", "-jar", ZIPKIN_JAR], { env, stdio: "ignore" });
  const isUp = (): Promise<boolean> =>
    fetch(`${BASE}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isUp())) {
    assert.equal(child.exitCode, null, "Zipkin has ended");
    await wait(200);
  }
  return child;
}

test("Zipkin away for 20 s under traffic: no span is lost, and the app answers as before", { skip }, async (t) => {
  let zipkin = await startOwnZipkin();
  const app = await runApp({
    app: "lifecycle-app.cjs",
    env: {
      OTEL_SERVICE_NAME: SERVICE,
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${BASE}/api/v2/spans`,
      OTEL_BSP_SCHEDULE_DELAY: "500",
    },
  });
  t.after(() => {
    zipkin.kill("SIGKILL");
    return app.stop("SIGKILL");
  });

  /** Sends requests at a steady rate for so long, and gives their latencies in milliseconds. */
  async function traffic(seconds: number): Promise<number[]> {
    const calls: Promise<number>[] = [];
    for (let i = 0; i < seconds * REQUESTS_PER_SECOND; i++) {
      calls.push(timed(`${app.url}/`));
      await wait(1_000 / REQUESTS_PER_SECOND);
    }
    return Promise.all(calls);
  }

  const before = await traffic(5);
  await wait(1_500);
  zipkin.kill("SIGKILL");
  await once(zipkin, "exit");
  // Its memory is gone with it: from here on every span must be in the next one.
  const exportedBefore = sumOf(await app.scrape(), "otel_sdk_exporter_span_exported_total");

  const during = await traffic(20);
  const booting = startOwnZipkin();
  const meanwhile = await traffic(10);
  zipkin = await booting;
  const expected = during.length + meanwhile.length;

  let found = 0;
  for (let i = 0; i < 160 && found < expected; i++) {
    await wait(250);
    found = await countSpans();
  }
  const text = await app.scrape();
  t.diagnostic(
    `${found} of ${expected} spans arrived; latency p50/p99 ms: before ${quantiles(before)}, during ${quantiles(during)}`,
  );
  assert.equal(found, expected);
  assert.equal(sumOf(text, "otel_sdk_exporter_span_exported_total") - exportedBefore, expected);
  const says = app.stderr().match(/redtrail: Zipkin [^\n]*/g) ?? [];
  assert.ok(says.length >= 2 && says.length <= 3, `the outage and its end, and not once a second: ${says.join("\n")}`);
});

async function timed(url: string): Promise<number> {
  const start = performance.now();
  await (await fetch(url)).text();
  return performance.now() - start;
}

async function countSpans(): Promise<number> {
  try {
    const traces = (await (
      await fetch(`${BASE}/api/v2/traces?serviceName=${SERVICE}&limit=10000`)
    ).json()) as ZipkinSpan[][];
    return new Set(traces.flat().map(({ id }) => id)).size;
  } catch {
    return 0;
  }
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.5, 0.99].map((q) => (sorted[Math.floor(q * (sorted.length - 1))] as number).toFixed(1)).join("/");
}
