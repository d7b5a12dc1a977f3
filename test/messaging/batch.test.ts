import assert from "node:assert/strict";
import test, { after } from "node:test";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, propagation } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { MessagingConfig, MessagingMode } from "../../src/config/config.ts";
import { requestId, setRequestId } from "../../src/context/request-id.ts";
import { MAX_SINGLED_OUT, processBatch, sendBatch } from "../../src/messaging/batch.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { receivedAs } from "../../src/messaging/received.ts";
import { sharedMessaging } from "../../src/messaging/shared.ts";
import { recordSpans } from "../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

const SETTINGS: MessagingConfig = { mode: "auto", modes: {}, linkAfterMs: 60_000 };
const TOPIC = { system: "kafka", destination: "orders" };

const inRequest = <Result>(id: string, run: () => Result): Result => context.with(setRequestId(ROOT_CONTEXT, id), run);

/** The headers of messages that one call has sent in the request `id`. */
function sent(count: number, id = "id-1", createSpans = true): readonly MessageHeaders[] {
  const messages = Array.from({ length: count }, () => ({ destination: "orders", headers: {} }));
  return inRequest(id, () => sendBatch(tracer, "send", { ...TOPIC, messages, createSpans }, (headers) => headers));
}

const spanIdOf = (headers: MessageHeaders | undefined): string | undefined =>
  String(headers?.["traceparent"]).split("-")[2];

test("Each message of a batch carries the context of a span of its own, and the span of the call links to them", () => {
  const headers = sent(3);
  const spans = take();
  const created = spans.filter(({ name }) => name === "create orders");
  const call = spans.find(({ name }) => name === "send orders");
  const ids = created.map((span) => span.spanContext().spanId);
  assert.deepEqual(headers.map(spanIdOf), ids);
  assert.deepEqual(
    call?.links.map((link) => link.context.spanId),
    ids,
  );
  assert.equal(call?.kind, SpanKind.CLIENT);
  assert.equal(call.attributes["messaging.batch.message_count"], 3);
  assert.deepEqual(
    created.map(({ kind }) => kind),
    [SpanKind.PRODUCER, SpanKind.PRODUCER, SpanKind.PRODUCER],
  );
});

test("Beyond the limit, and where no span is wanted for each, messages carry the context of the call's own span", () => {
  const many = sent(MAX_SINGLED_OUT + 2);
  let spans = take();
  assert.equal(spans.length, MAX_SINGLED_OUT + 1);
  let call = spans.find(({ name }) => name === "send orders");
  assert.equal(call?.kind, SpanKind.PRODUCER);
  assert.equal(call.droppedLinksCount, 0);
  assert.deepEqual(many.slice(-2).map(spanIdOf), [call.spanContext().spanId, call.spanContext().spanId]);

  const two = sent(2, "id-1", false);
  spans = take();
  [call] = spans;
  assert.equal(spans.length, 1);
  assert.equal(call?.kind, SpanKind.PRODUCER);
  assert.deepEqual(two.map(spanIdOf), [call.spanContext().spanId, call.spanContext().spanId]);
});

test("A batch for several destinations has none in the name of its call", () => {
  const messages = ["a", "b"].map((destination) => ({ destination, headers: Object.freeze({ own: destination }) }));
  const batch = { system: "kafka", destination: undefined, messages, createSpans: true };
  const headers = sendBatch(tracer, "send", batch, (all) => all);
  assert.deepEqual(
    headers.map(({ own }) => own),
    ["a", "b"],
  );
  assert.deepEqual(
    take().map(({ name, attributes }) => [name, attributes["messaging.destination.name"]]),
    [
      ["create a", "a"],
      ["create b", "b"],
      ["send", undefined],
    ],
  );
});

test("Nothing is sent along with a batch while tracing is suppressed, and a failed call fails its span", async () => {
  const messages = [{ destination: "orders", headers: {} }];
  const batch = { ...TOPIC, messages, createSpans: true };
  const headers = context.with(suppressTracing(ROOT_CONTEXT), () => sendBatch(tracer, "send", batch, (all) => all));
  assert.deepEqual(headers, [{}]);
  assert.equal(take().length, 0);

  const refused = Object.assign(new Error("no"), { name: "KafkaJSProtocolError", type: "MESSAGE_TOO_LARGE", code: 10 });
  await assert.rejects(async () => sendBatch(tracer, "send", batch, async () => Promise.reject(refused)), refused);
  const failed = take().find(({ name }) => name === "send orders");
  assert.equal(failed?.attributes["error.type"], "MESSAGE_TOO_LARGE");
  assert.equal(failed.status.code, SpanStatusCode.ERROR);
});

function received(headers: readonly MessageHeaders[], mode: MessagingMode = "auto"): string | undefined {
  const batch = { ...TOPIC, messages: headers.map((one) => ({ headers: one })), count: headers.length };
  return processBatch(tracer, { ...SETTINGS, mode }, batch, () => requestId());
}

test("A batch of one request is processed in it, linked to each sender once", () => {
  const headers = [...sent(2), ...sent(2, "id-1", false)];
  take();
  assert.equal(received(headers), "id-1");
  const [span] = take();
  assert.equal(span?.kind, SpanKind.CONSUMER);
  assert.equal(span.parentSpanContext, undefined);
  assert.deepEqual(
    span.links.map((link) => link.context.spanId),
    [...new Set(headers.map(spanIdOf))],
  );
  assert.equal(span.links.length, 3);
  assert.equal(span.attributes["messaging.batch.message_count"], 4);
  assert.equal(span.attributes["http.request.id"], "id-1");
  assert.ok((span.attributes["redtrail.messaging.queue.time"] as number) >= 0);
});

test("A batch of several requests gets an id of its own, and is nobody's child", () => {
  const headers = [...sent(1, "id-1"), ...sent(1, "id-2")];
  take();
  assert.match(received(headers, "parent") ?? "", /^[0-9a-f-]{36}$/);
  const [span] = take();
  assert.equal(span?.parentSpanContext, undefined);
  assert.equal(span?.links.length, 2);
});

test("A batch of one request is a child of its first sender where that is asked for", () => {
  const headers = sent(2);
  take();
  received(headers, "parent");
  assert.equal(take()[0]?.parentSpanContext?.spanId, spanIdOf(headers[0]));
});

test("Senders beyond the limit are counted and not linked", () => {
  const headers = [...sent(MAX_SINGLED_OUT), ...sent(3)];
  take();
  const before = sharedMessaging.counts.unlinkedMessages;
  received(headers);
  const [span] = take();
  assert.equal(span?.links.length, MAX_SINGLED_OUT);
  assert.equal(span.droppedLinksCount, 0);
  assert.equal(span.attributes["redtrail.messaging.unlinked_count"], 3);
  assert.equal(sharedMessaging.counts.unlinkedMessages - before, 3);
});

test("What a message of the batch is, is known in its handler, and of no other object", () => {
  const [headers = {}] = sent(2);
  take();
  const message = { value: "a" };
  const description = { ...TOPIC, headers, attributes: { offset: 7 } };
  const batch = {
    ...{ ...TOPIC, count: 2, messages: [{ headers }, { headers: {} }] },
    describe: (given: object) => (given === message ? description : undefined),
  };
  const inside = processBatch(tracer, SETTINGS, batch, () => context.active());
  take();
  assert.equal(receivedAs(message, inside), description);
  assert.equal(receivedAs({ ...message }, inside), undefined);
  assert.equal(receivedAs(message, ROOT_CONTEXT), undefined);
});

test("Baggage that is larger than a message has room for stays out, trace and request id go", () => {
  const entries = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`key-${index}`, { value: "v".repeat(100) }]),
  );
  const before = sharedMessaging.counts.droppedHeaders;
  const large = propagation.setBaggage(setRequestId(ROOT_CONTEXT, "id-1"), propagation.createBaggage(entries));
  const messages = [{ destination: "orders", headers: {} }];
  const [headers] = context.with(large, () =>
    sendBatch(tracer, "send", { ...TOPIC, messages, createSpans: true }, (all) => all),
  );
  assert.deepEqual(Object.keys(headers ?? {}).toSorted(), ["traceparent", "x-request-id", "x-sent-at"]);
  assert.equal(sharedMessaging.counts.droppedHeaders - before, 1);
  take();
});
