// How a process ends: as it would without redtrail, at the same time, with the same code, and with its spans delivered.
// The rows are those of the peers' comparison in the README.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, get } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { runApp, runToEnd } from "../support/run-app.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const APP = "lifecycle-app.cjs";
/** Only the end may deliver: the schedule is longer than any test. */
const LATE = { OTEL_BSP_SCHEDULE_DELAY: "60000" };

async function withZipkin(run: (zipkin: TestZipkin, env: Record<string, string>) => Promise<void>): Promise<void> {
  const zipkin = await startZipkin();
  try {
    await run(zipkin, { ...LATE, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint });
  } finally {
    await zipkin.close();
  }
}

/** On a connection of its own that ends with the answer: a kept one would hold up the app's `server.close`. */
async function getOnce(url: string): Promise<string> {
  const [response] = (await once(get(url, { agent: false }), "response")) as [IncomingMessage];
  return text(response);
}

const hasSpan =
  (path: string) =>
  (spans: readonly ZipkinSpan[]): boolean =>
    spans.some(({ kind, tags }) => kind === "SERVER" && tags["url.path"] === path);

for (const [mode, code] of [
  ["natural", 0],
  ["exit", 3],
  ["throw", 1],
  ["reject", 1],
] as const) {
  test(`A process that ends by "${mode}" delivers its last spans and keeps its exit code ${code}`, () =>
    withZipkin(async (zipkin, env) => {
      const ending = await runToEnd({ app: APP, env: { ...env, MODE: mode } });
      assert.equal(ending.code, code, ending.stderr);
      await zipkin.waitFor(hasSpan("/prelude"), 2_000);
    }));
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} without a handler of the app's ends the process by that signal, with its spans delivered`, () =>
    withZipkin(async (zipkin, env) => {
      const app = await runApp({ app: APP, env });
      const ending = await app.stop(signal);
      assert.equal(ending.signal, signal);
      await zipkin.waitFor(hasSpan("/prelude"), 2_000);
    }));
}

for (const [handler, code] of [
  ["drain", 0],
  ["drain-and-exit", 9],
  ["prepend-once", 0],
] as const) {
  test(`SIGTERM with the app's handler "${handler}" leaves its drain alone, and delivers the request that ends in it`, () =>
    withZipkin(async (zipkin, env) => {
      const app = await runApp({ app: APP, env: { ...env, HANDLER: handler } });
      const slow = getOnce(`${app.url}/slow`);
      // The request is in the app when later ones have been answered.
      await getOnce(`${app.url}/other`);
      await getOnce(`${app.url}/other`);
      const ended = app.stop("SIGTERM");
      assert.equal(await slow, "slow");
      assert.equal((await ended).code, code);
      await zipkin.waitFor(hasSpan("/slow"), 2_000);
    }));
}

test("SIGTERM in an app with signal-exit, which counts the listeners, ends the process by that signal, with its spans delivered", () =>
  withZipkin(async (zipkin, env) => {
    const app = await runApp({ app: APP, env: { ...env, HANDLER: "signal-exit" } });
    assert.equal((await app.stop()).signal, "SIGTERM");
    await zipkin.waitFor(hasSpan("/prelude"), 2_000);
  }));

test("SIGINT with the app's own once-handler leaves the end to it", () =>
  withZipkin(async (zipkin, env) => {
    const app = await runApp({ app: APP, env: { ...env, HANDLER: "once" } });
    assert.equal((await app.stop("SIGINT")).code, 0);
    await zipkin.waitFor(hasSpan("/prelude"), 2_000);
  }));

for (const [mode, ends] of [
  ["natural", { code: 0, signal: null }],
  ["exit", { code: 3, signal: null }],
  ["throw", { code: 1, signal: null }],
  ["serve", { code: null, signal: "SIGTERM" }],
] as const) {
  test(`A backend that never answers does not hold up the end by "${mode}" for longer than the deadline`, async () => {
    const sink = createServer(() => {}).listen(0, "127.0.0.1");
    await once(sink, "listening");
    const env = {
      ...LATE,
      MODE: mode,
      REDTRAIL_SHUTDOWN_TIMEOUT: "500",
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/api/v2/spans`,
    };
    let started = performance.now();
    const ending =
      mode === "serve"
        ? await runApp({ app: APP, env }).then((app) => {
            started = performance.now();
            return app.stop();
          })
        : await runToEnd({ app: APP, env });
    assert.equal(ending.code, ends.code);
    assert.equal(ending.signal, ends.signal);
    // Not a benchmark: a process that hung would take the exporter's 10 s, or forever.
    assert.ok(performance.now() - started < 8_000);
    sink.close();
  });
}

test("A backend that is down costs the end of a process nothing but a refused connection", async () => {
  const ending = await runToEnd({
    app: APP,
    env: { ...LATE, MODE: "natural", OTEL_EXPORTER_ZIPKIN_ENDPOINT: "http://127.0.0.1:1/api/v2/spans" },
  });
  assert.equal(ending.code, 0);
  assert.match(ending.stderr, /ECONNREFUSED/);
});

test("The engine node-sdk ends every process the same way; it delivers by signal and natural end, not by process.exit", () =>
  withZipkin(async (zipkin, env) => {
    const nodeSdk = { ...env, REDTRAIL_ENGINE: "node-sdk" };
    assert.equal((await runToEnd({ app: APP, env: { ...nodeSdk, MODE: "natural" } })).code, 0);
    await zipkin.waitFor(hasSpan("/prelude"), 2_000);
    zipkin.spans.length = 0;
    const app = await runApp({ app: APP, env: nodeSdk });
    assert.equal((await app.stop()).signal, "SIGTERM");
    await zipkin.waitFor(hasSpan("/prelude"), 2_000);
    assert.equal((await runToEnd({ app: APP, env: { ...nodeSdk, MODE: "exit" } })).code, 3);
  }));
