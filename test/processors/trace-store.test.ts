import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type Context, ROOT_CONTEXT, SpanKind, TraceFlags } from "@opentelemetry/api";
import { AlwaysOffSampler, TracerProvider } from "@opentelemetry/sdk-trace";
import { setRemoteParent } from "../../src/context/remote-parent.ts";
import { setRequestId, setRequestIdOrigin } from "../../src/context/request-id.ts";
import { processMessage } from "../../src/messaging/spans.ts";
import { TraceStoreSpanProcessor } from "../../src/processors/trace-store.ts";
import { RecordForMetricsSampler } from "../../src/sampling/record-for-metrics.ts";
import { createMemoryStore } from "../../src/trace-store/memory.ts";
import type { StoredTrace } from "../../src/trace-store/record.ts";
import type { SharedTraces } from "../../src/trace-store/shared-traces.ts";
import { recordSpans } from "../support/spans.ts";

const STORED: StoredTrace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "caller",
};
const MESSAGING = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;
const MESSAGE = { system: "test", destination: "orders" };

function shareTraces(mode: SharedTraces["mode"] = "join"): SharedTraces {
  return { store: createMemoryStore({ ttlMs: 60_000 }), mode, budgetMs: 20, found: { parent: 0, link: 0 } };
}

let shared = shareTraces();
let recorder: ReturnType<typeof recordSpans>;
beforeEach(() => {
  shared = shareTraces();
  start();
});
afterEach(() => recorder.stop());

function start(): void {
  recorder = recordSpans({ REDTRAIL_TRACE_STORE_URL: "memory:" }, [
    new TraceStoreSpanProcessor(shared, { serviceName: "self" }),
  ]);
}

const withId = (id: string): Context => setRequestId(ROOT_CONTEXT, id);

for (const kind of [SpanKind.SERVER, SpanKind.CONSUMER]) {
  test(`The trace of a ${SpanKind[kind]} span is written under its request's id`, async () => {
    const span = recorder.tracer.startSpan("s", { kind }, withId("a"));
    const { traceId, spanId } = span.spanContext();
    assert.deepEqual(await shared.store.get("a"), {
      traceId,
      spanId,
      isSampled: true,
      isRandom: true,
      service: "self",
    });
  });
}

for (const kind of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER]) {
  test(`A ${SpanKind[kind]} span is not written`, async () => {
    recorder.tracer.startSpan("s", { kind }, withId("a"));
    assert.equal(await shared.store.get("a"), undefined);
  });
}

test("Nothing is written without a request id, nor of a trace that was found under it", () => {
  recorder.tracer.startSpan("s", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  recorder.tracer.startSpan("s", { kind: SpanKind.SERVER }, setRequestIdOrigin(withId("a"), "found"));
  assert.equal(shared.store.stats.writes.written, 0);
});

test("A span that is not sampled is written as such", async () => {
  const provider = new TracerProvider({
    sampler: new RecordForMetricsSampler(new AlwaysOffSampler()),
    spanProcessors: [new TraceStoreSpanProcessor(shared, { serviceName: "self" })],
  });
  provider.getTracer("test").startSpan("s", { kind: SpanKind.SERVER }, withId("a"));
  assert.equal((await shared.store.get("a"))?.isSampled, false);
});

test("A trace id that came from elsewhere is random only when its sender says so", async () => {
  for (const random of [true, false]) {
    const parent = { traceId: STORED.traceId, spanId: STORED.spanId, traceFlags: TraceFlags.SAMPLED };
    const context = setRemoteParent(withId(`random-${random}`), parent, { random });
    recorder.tracer.startSpan("s", { kind: SpanKind.SERVER }, context);
    assert.equal((await shared.store.get(`random-${random}`))?.isRandom, random);
  }
});

test("A request whose id is that of its trace is written under that", async () => {
  const provider = new TracerProvider({
    spanProcessors: [new TraceStoreSpanProcessor(shared, { serviceName: "self", requestIdIsTraceId: true })],
  });
  const span = provider.getTracer("test").startSpan("s", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  assert.equal((await shared.store.get(span.spanContext().traceId))?.spanId, span.spanContext().spanId);
});

test("A message that has only a request id is processed at once, and linked to the trace that is found", async () => {
  shared.store.set("m", STORED);
  let release = (): void => {};
  let isHandled = false;
  const processed = processMessage(recorder.tracer, MESSAGING, { ...MESSAGE, headers: { "x-request-id": "m" } }, () => {
    isHandled = true;
    return new Promise<void>((resolve) => (release = resolve));
  });
  assert.equal(isHandled, true);
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await processed;
  const [span] = recorder.take();
  assert.equal(span?.parentSpanContext, undefined);
  assert.equal(span?.links[0]?.context.spanId, STORED.spanId);
  assert.equal(span?.attributes["service.peer.name"], "caller");
  assert.equal(shared.found.link, 1);
});

test("What is found when the message has been processed can be told no more", async () => {
  shared.store.set("m", STORED);
  processMessage(recorder.tracer, MESSAGING, { ...MESSAGE, headers: { "x-request-id": "m" } }, () => {});
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(recorder.take()[0]?.links, []);
  assert.equal(shared.found.link, 0);
});

for (const [what, headers, batchSize] of [
  ["a trace of its own", { "x-request-id": "m", traceparent: `00-${STORED.traceId}-${STORED.spanId}-01` }, 1],
  ["a trace that it is linked to", { "x-request-id": "m", traceparent: `00-${STORED.traceId}-${STORED.spanId}-01` }, 2],
  ["no id that is valid", { "x-request-id": "<m>" }, 1],
  ["nothing", {}, 1],
] as const) {
  test(`Nothing is asked for a message with ${what}`, () => {
    processMessage(recorder.tracer, MESSAGING, { ...MESSAGE, headers, batchSize }, () => {});
    const { hit, miss } = shared.store.stats.reads;
    assert.equal(hit + miss, 0);
  });
}

test("In mode write nothing is asked", () => {
  recorder.stop();
  shared = shareTraces("write");
  start();
  processMessage(recorder.tracer, MESSAGING, { ...MESSAGE, headers: { "x-request-id": "m" } }, () => {});
  assert.deepEqual([shared.store.stats.reads.miss, shared.store.stats.writes.written], [0, 1]);
});
