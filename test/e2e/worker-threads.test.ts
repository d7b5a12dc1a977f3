// A worker thread's requests, where REDTRAIL_WORKER_THREADS asks for them: counted in the process's metrics, and traced.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startZipkin } from "../support/zipkin.ts";

const COUNT = "http_server_request_duration_seconds_count";

for (const isEnabled of [true, false]) {
  test(`Requests to a worker thread are ${isEnabled ? "" : "not "}counted with the process's with REDTRAIL_WORKER_THREADS=${isEnabled}`, async () => {
    const zipkin = await startZipkin();
    const app = await runApp({
      app: "threaded-app.mjs",
      env: {
        REDTRAIL_WORKER_THREADS: String(isEnabled),
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
        OTEL_BSP_SCHEDULE_DELAY: "100",
      },
    });
    const threadUrl = /listening \S+ (\S+)/.exec(app.stdout())?.[1] as string;
    for (let i = 0; i < 30; i++) await (await fetch(threadUrl)).text();
    for (let i = 0; i < 12; i++) await (await fetch(app.url)).text();
    assert.equal(sumOf(await app.scrape(), COUNT), isEnabled ? 42 : 12);
    await zipkin.waitFor((spans) => spans.length === (isEnabled ? 42 : 12));
    await app.stop();
    await zipkin.close();
  });
}
