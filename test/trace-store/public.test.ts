import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { SpanKind, SpanStatusCode, context as contextApi, trace } from "@opentelemetry/api";
import { type ReadableSpan, InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { requestId } from "../../src/context/request-id.ts";
import { TraceStoreSpanProcessor } from "../../src/processors/trace-store.ts";
import { setSharedTraces } from "../../src/state.ts";
import { createMemoryStore } from "../../src/trace-store/memory.ts";
import { withRequest } from "../../src/trace-store/public.ts";
import type { StoredTrace } from "../../src/trace-store/record.ts";
import type { SharedTraces } from "../../src/trace-store/shared-traces.ts";

const STORED: StoredTrace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "caller",
};
const exporter = new InMemorySpanExporter();
let shared: SharedTraces;

function start(mode: SharedTraces["mode"], delayMs = 0): void {
  const store = createMemoryStore({ ttlMs: 60_000 });
  const { get } = store;
  store.get = async (id) => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return get(id);
  };
  store.set("known", STORED);
  shared = { store, mode, budgetMs: 20, found: { parent: 0, link: 0 } };
  setSharedTraces(shared);
  trace.disable();
  trace.setGlobalTracerProvider(
    new TracerProvider({
      spanProcessors: [
        new TraceStoreSpanProcessor(shared, { serviceName: "self" }),
        new SimpleSpanProcessor({ exporter }),
      ],
    }),
  );
}

beforeEach(() => {
  contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  exporter.reset();
});
afterEach(() => {
  setSharedTraces(undefined);
  trace.disable();
  contextApi.disable();
});

const onlySpan = (): ReadableSpan => {
  const spans = exporter.getFinishedSpans();
  assert.equal(spans.length, 1);
  return spans[0] as ReadableSpan;
};
const seen = () => [requestId(), trace.getSpanContext(contextApi.active())?.traceId];

test("withRequest runs work in the trace that is found, with the id, and returns what it returns", async () => {
  start("join");
  const options = { name: "job", attributes: { "job.kind": "nightly" } };
  assert.deepEqual(await withRequest("known", options, seen), ["known", STORED.traceId]);
  const span = onlySpan();
  assert.equal(span.kind, SpanKind.CONSUMER);
  assert.equal(span.parentSpanContext?.spanId, STORED.spanId);
  assert.deepEqual(span.attributes, { "job.kind": "nightly" });
});

test("withRequest begins a trace, and writes it, when nothing is found", async () => {
  start("join");
  const [id, traceId] = await withRequest("unknown", { name: "job" }, seen);
  assert.equal(id, "unknown");
  assert.equal((await shared.store.get("unknown"))?.traceId, traceId);
});

test("withRequest waits for no longer than the budget, and links to what comes later", async () => {
  start("join", 60);
  const began = performance.now();
  let waited = 0;
  await withRequest("known", { name: "job" }, async () => {
    waited = performance.now() - began;
    while (shared.found.link === 0) await new Promise((resolve) => setImmediate(resolve));
  });
  assert.ok(waited >= 19 && waited < 60, String(waited));
  assert.equal(onlySpan().links[0]?.context.spanId, STORED.spanId);
});

test("withRequest waits for nothing in mode link, and asks nothing in mode write", async () => {
  start("link");
  await withRequest("known", { name: "job" }, async () => {
    while (shared.found.link === 0) await new Promise((resolve) => setImmediate(resolve));
  });
  assert.equal(onlySpan().links[0]?.context.spanId, STORED.spanId);
  exporter.reset();
  start("write");
  await withRequest("known", { name: "job" }, () => {});
  assert.equal(shared.store.stats.reads.hit, 0);
  assert.deepEqual(onlySpan().links, []);
});

test("withRequest hands on what work throws, and the span tells of it", async () => {
  start("join");
  const error = new Error("no");
  for (const work of [
    () => Promise.reject(error),
    () => {
      throw error;
    },
  ]) {
    exporter.reset();
    await assert.rejects(withRequest("known", { name: "job" }, work), error);
    assert.equal(onlySpan().status.code, SpanStatusCode.ERROR);
  }
});

test("withRequest leaves out an id that is not valid, and works without a store and without redtrail", async () => {
  start("join");
  assert.equal((await withRequest("<script>", { name: "job" }, seen))[0], undefined);
  setSharedTraces(undefined);
  assert.equal((await withRequest("known", { name: "job" }, seen))[0], "known");
  trace.disable();
  contextApi.disable();
  assert.equal(await withRequest("known", { name: "job" }, () => 7), 7);
});
