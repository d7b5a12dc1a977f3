import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { type DemoSpan, type SpanStore, startCollector } from "../../../examples/demo/collector.ts";

async function start(t: TestContext): Promise<{ store: SpanStore; api: string }> {
  const store = await startCollector();
  t.after(() => store.close());
  return { store, api: store.endpoint.replace(/\/spans$/, "") };
}

function span(traceId: string, id: string, requestId: string): DemoSpan {
  return {
    traceId,
    id,
    name: "get",
    timestamp: 1,
    duration: 1,
    localEndpoint: { serviceName: "shop" },
    tags: { "http.request.id": requestId },
  };
}

test("startCollector takes JSON and gzip, and finds the whole trace by id and by request id", async (t) => {
  const { store, api } = await start(t);
  const first = [span("a", "1", "one"), span("b", "2", "two")];
  const second = [span("a", "3", "one")];
  const plain = await fetch(store.endpoint, { method: "POST", body: JSON.stringify(first) });
  const packed = await fetch(store.endpoint, {
    method: "POST",
    body: gzipSync(JSON.stringify(second)),
    headers: { "content-encoding": "gzip" },
  });
  assert.deepEqual([plain.status, packed.status], [202, 202]);
  assert.equal(await store.countReceived(), 3);
  const whole = [first[0], second[0]];
  assert.deepEqual(await store.findTrace("one"), whole);
  assert.deepEqual(await (await fetch(`${api}/trace/a`)).json(), whole);
  assert.deepEqual(await (await fetch(`${api}/traces?annotationQuery=http.request.id%3Done`)).json(), [whole]);
  assert.deepEqual(await (await fetch(`${api}/traces?annotationQuery=http.request.id%3Dnone`)).json(), []);
});

test("startCollector refuses what it cannot read, and goes on", async (t) => {
  const { store, api } = await start(t);
  const unreadable = await fetch(store.endpoint, { method: "POST", body: "no JSON" });
  const notPacked = await fetch(store.endpoint, {
    method: "POST",
    body: "[]",
    headers: { "content-encoding": "gzip" },
  });
  assert.deepEqual([unreadable.status, notPacked.status], [400, 400]);
  assert.equal((await fetch(`${api}/trace/a`)).status, 404);
  assert.deepEqual(await store.findTrace("one"), []);
});

test("startCollector keeps the newest 50,000 spans", async (t) => {
  const { store } = await start(t);
  const spans = Array.from({ length: 50_001 }, (_, index) => span(String(index), "1", `id-${index}`));
  await fetch(store.endpoint, { method: "POST", body: JSON.stringify(spans) });
  assert.equal(await store.countReceived(), 50_001);
  assert.deepEqual(await store.findTrace("id-0"), []);
  assert.equal((await store.findTrace("id-1")).length, 1);
});
