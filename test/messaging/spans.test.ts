import assert from "node:assert/strict";
import test, { after } from "node:test";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { MessagingConfig } from "../../src/config/config.ts";
import { requestId, setRequestId } from "../../src/context/request-id.ts";
import { type MessageHeaders, SENT_AT } from "../../src/messaging/headers.ts";
import { injectMessage } from "../../src/messaging/public.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import { recordSpans } from "../support/spans.ts";
import { unhandledDuring } from "../support/unhandled.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

const SETTINGS: MessagingConfig = { mode: "auto", modes: {}, linkAfterMs: 60_000 };
const QUEUE = { system: "rabbitmq", destination: "orders" };

/** The headers of a message sent in a request whose id is `id-1`, `agoMs` ago. */
function sent(agoMs = 0, headers: MessageHeaders = {}): { headers: MessageHeaders; traceId: string; spanId: string } {
  let out: MessageHeaders = {};
  context.with(setRequestId(ROOT_CONTEXT, "id-1"), () =>
    sendMessage(tracer, "publish", { ...QUEUE, headers }, (withContext) => (out = withContext)),
  );
  const [span] = take();
  assert.equal(span?.kind, SpanKind.PRODUCER);
  assert.equal(span.name, "publish orders");
  out[SENT_AT] = String(Date.now() - agoMs);
  return { headers: out, ...span.spanContext() };
}

test("A message carries trace, request id and time, and the app's own headers object stays as it was", () => {
  const own = Object.freeze({ tenant: "a", traceparent: "old" });
  const { headers, traceId, spanId } = sent(0, own);
  assert.equal(headers["traceparent"], `00-${traceId}-${spanId}-03`);
  assert.equal(headers["x-request-id"], "id-1");
  assert.equal(headers["tenant"], "a");
  assert.deepEqual(own, { tenant: "a", traceparent: "old" });
});

test("A request id that the app has put into a message stays, in its case", () => {
  const { headers } = sent(0, { "X-Request-ID": "mine" });
  assert.equal(headers["X-Request-ID"], "mine");
  assert.equal(headers["x-request-id"], undefined);
});

for (const [what, ago, batchSize, mode, isChild, isLinked] of [
  ["a single message", 0, 1, "auto", true, false],
  ["a message of a batch", 0, 100, "auto", false, true],
  ["a message that has waited for long", 61_000, 1, "auto", false, true],
  ["a single message by parent", 61_000, 100, "parent", true, false],
  ["a single message by link", 0, 1, "link", false, true],
  ["a single message by both", 0, 1, "both", true, true],
] as const) {
  test(`${what}: ${isChild ? "child" : "trace of its own"}${isLinked ? ", linked" : ""}, with the request id`, () => {
    const { headers, traceId, spanId } = sent(ago);
    const settings = { ...SETTINGS, modes: { rabbitmq: mode } };
    const seen = processMessage(tracer, settings, { ...QUEUE, headers, batchSize }, () => requestId());
    const [span] = take();
    assert.equal(seen, "id-1");
    assert.equal(span?.kind, SpanKind.CONSUMER);
    assert.equal(span.name, "process orders");
    assert.equal(span.attributes["http.request.id"], "id-1");
    assert.equal(span.spanContext().traceId === traceId, isChild);
    assert.equal(span.parentSpanContext?.spanId, isChild ? spanId : undefined);
    assert.deepEqual(
      span.links.map((link) => link.context.spanId),
      isLinked ? [spanId] : [],
    );
    const waited = span.attributes["redtrail.messaging.queue.time"] as number;
    assert.ok(waited >= ago / 1000 && waited < ago / 1000 + 5, String(waited));
    assert.equal(span.attributes["messaging.batch.message_count"], batchSize > 1 ? batchSize : undefined);
  });
}

test("A message of a producer without redtrail starts a trace and gets a request id", () => {
  const seen = processMessage(tracer, SETTINGS, { ...QUEUE, headers: { other: 1, list: [{}] } }, () => requestId());
  const [span] = take();
  assert.match(seen ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(span?.parentSpanContext, undefined);
  assert.equal(span?.attributes["redtrail.messaging.queue.time"], undefined);
});

test("Headers may be bytes, and a clock that is ahead makes no negative time", () => {
  const { headers, traceId } = sent(-5_000);
  const bytes = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, Buffer.from(String(value))]));
  processMessage(tracer, SETTINGS, { ...QUEUE, headers: bytes }, () => {});
  const [span] = take();
  assert.equal(span?.spanContext().traceId, traceId);
  assert.equal(span.attributes["redtrail.messaging.queue.time"], 0);
});

test("What a handler throws goes to the caller, and makes the span an error", () => {
  const poison = new TypeError("bad message");
  assert.throws(
    () =>
      processMessage(tracer, SETTINGS, { ...QUEUE, headers: {} }, () => {
        throw poison;
      }),
    poison,
  );
  const [span] = take();
  assert.equal(span?.attributes["error.type"], "TypeError");
  assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: "bad message" });
});

test("A promise keeps the span open, and its rejection goes to the caller", async () => {
  const { promise, reject, resolve } = Promise.withResolvers<string>();
  const handled = processMessage(tracer, SETTINGS, { ...QUEUE, headers: {} }, () => promise);
  assert.equal(take().length, 0);
  resolve("done");
  assert.equal(await handled, "done");
  assert.equal(take().length, 1);
  reject(new Error("too late"));

  const failing = processMessage(tracer, SETTINGS, { ...QUEUE, headers: {} }, async () => {
    throw Object.assign(new Error("gone"), { code: "ECONNRESET" });
  });
  await assert.rejects(failing, /gone/);
  assert.equal(take()[0]?.attributes["error.type"], "ECONNRESET");
});

test("A rejection that nobody handles is unhandled once, as without us", async () => {
  const reason = new Error("nobody");
  const seen = await unhandledDuring(() => {
    void processMessage(tracer, SETTINGS, { ...QUEUE, headers: {} }, async () => {
      throw reason;
    });
  });
  assert.deepEqual(
    seen.map((one) => one.reason),
    [reason],
  );
  take();
});

test("Nothing is sent along while tracing is suppressed", () => {
  const headers = {};
  context.with(suppressTracing(ROOT_CONTEXT), () => {
    sendMessage(tracer, "publish", { ...QUEUE, headers }, (same) => assert.equal(same, headers));
    assert.deepEqual(injectMessage({}), {});
  });
  assert.equal(take().length, 0);
});
