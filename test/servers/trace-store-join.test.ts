// Two services that only an X-Request-ID goes between, and a real Redis:
//
//   caller ──> a SERVER ──plain socket, X-Request-ID alone──> b SERVER
//                 │ writes                      reads, within 20 ms │
//                 └────────────────> Redis <────────────────────────┘
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { isInstalled } from "../../scripts/servers/process.ts";
import { type OwnRedis, startOwnRedis } from "../support/own-redis.ts";
import { PRELOAD, type RunningApp, runApp } from "../support/run-app.ts";
import { parseSamples } from "../support/scrape.ts";
import { lacks } from "../support/servers.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const skip = isInstalled("redis-server") ? false : lacks("there is no redis-server (npm run servers)");

for (const engine of ["native", "node-sdk"] as const) {
  describe(`engine ${engine}`, { skip }, () => {
    let redis: OwnRedis;
    let zipkin: TestZipkin;
    let a: RunningApp;
    let b: RunningApp;

    before(async () => {
      redis = await startOwnRedis({ port: 6416 });
      zipkin = await startZipkin();
      const start = (service: string, settings: Record<string, string> = {}): Promise<RunningApp> =>
        runApp({
          app: "trace-store-app.cjs",
          env: {
            REDTRAIL_ENGINE: engine,
            OTEL_SERVICE_NAME: service,
            OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
            REDTRAIL_TRACE_STORE_URL: redis.url,
            REDTRAIL_TRACE_STORE_SECRET: "of both",
            // The machine that runs this has other things to do.
            REDTRAIL_TRACE_STORE_BUDGET: "500",
            INDEX_FILE: join(PRELOAD, "../index.cjs"),
            ...settings,
          },
        });
      [a, b] = await Promise.all([start("a"), start("b")]);
      await Promise.all([isBack(a), isBack(b)]);
    });
    after(async () => {
      await Promise.all([a, b].map((app) => app.stop("SIGKILL")));
      await zipkin.close();
      await redis.kill();
    });

    async function spansOf(id: string, count: number): Promise<ZipkinSpan[]> {
      const of = (all: readonly ZipkinSpan[]) => all.filter(({ tags }) => tags["http.request.id"] === id);
      return of(await zipkin.waitFor((all) => of(all).length >= count));
    }

    async function relayed(headers: Record<string, string> = {}): Promise<string> {
      const response = await fetch(`${a.url}/relay?${b.url}/seen`, { headers });
      const id = response.headers.get("x-request-id") as string;
      assert.equal(await response.text(), `seen ${id}`);
      return id;
    }

    const of = (spans: readonly ZipkinSpan[], service: string): ZipkinSpan[] =>
      spans.filter(({ localEndpoint }) => localEndpoint.serviceName === service);

    test("The second is a child of the first, and knows who called", async () => {
      const spans = await spansOf(await relayed(), 2);
      const [[first], [second]] = [of(spans, "a"), of(spans, "b")];
      assert.equal(second?.traceId, first?.traceId);
      assert.equal(second?.parentId, first?.id);
      assert.equal(second?.tags["service.peer.name"], "a");
    });

    test("Who was first stays it: all that come later by the same id are its children", async () => {
      const id = await relayed();
      const again = [1, 2, 3].map(async () => {
        const response = await fetch(`${b.url}/seen`, { headers: { "x-request-id": id } });
        return response.text();
      });
      await Promise.all(again);
      const spans = await spansOf(id, 5);
      const [first] = of(spans, "a");
      assert.deepEqual(new Set(of(spans, "b").map(({ parentId }) => parentId)), new Set([first?.id]));
      assert.equal(of(spans, "b").length, 4);
    });

    test("A trace that is given goes before one that would be found", async () => {
      const id = await relayed();
      const traceparent = "00-11111111111111111111111111111111-2222222222222222-01";
      await (await fetch(`${b.url}/seen`, { headers: { "x-request-id": id, traceparent } })).text();
      const spans = await spansOf(id, 3);
      assert.ok(spans.some(({ traceId }) => traceId === "11111111111111111111111111111111"));
    });

    test("A job in the second that knows only the id is in the trace", async () => {
      const id = await relayed();
      b.child.send({ id });
      const spans = await spansOf(id, 3);
      const job = spans.find(({ kind }) => kind === "CONSUMER");
      assert.equal(job?.parentId, of(spans, "a")[0]?.id);
    });

    test("Nothing of the store's own is a span", () => {
      assert.ok(
        zipkin.spans.every(({ kind, name }) => kind === "SERVER" || name === "job"),
        JSON.stringify(zipkin.spans),
      );
    });

    test("With the store stopped each has a trace of its own, and both the same request id; when it is back they join again", async () => {
      await redis.kill();
      const spans = await spansOf(await relayed(), 2);
      assert.notEqual(of(spans, "a")[0]?.traceId, of(spans, "b")[0]?.traceId);
      await redis.restart();
      await Promise.all([isBack(a), isBack(b)]);
      const joined = await spansOf(await relayed(), 2);
      assert.equal(of(joined, "b")[0]?.parentId, of(joined, "a")[0]?.id);
    });
  });
}

async function isBack(app: RunningApp): Promise<void> {
  const deadline = performance.now() + 15_000;
  const name = /^redtrail_trace_store_away$/;
  while (parseSamples(await app.scrape()).find((sample) => name.test(sample.name))?.value !== 0) {
    assert.ok(performance.now() < deadline, "the store is not found");
    await wait(50);
  }
}
