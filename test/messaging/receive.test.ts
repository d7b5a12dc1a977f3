import assert from "node:assert/strict";
import test, { after } from "node:test";
import { ROOT_CONTEXT, SpanKind, context, trace } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { MessagingConfig, MessagingMode } from "../../src/config/config.ts";
import { getRequestId, setRequestId } from "../../src/context/request-id.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { beginPull, failReceive, receiveMessages } from "../../src/messaging/receive.ts";
import { sendMessage } from "../../src/messaging/spans.ts";
import { recordSpans } from "../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

const QUEUE = { system: "rabbitmq", destination: "orders" };
const PULL = { ...QUEUE, operation: "receive" };
const settings = (mode: MessagingMode): MessagingConfig => ({ mode, modes: {}, linkAfterMs: 60_000 });

function sent(id: string): { headers: MessageHeaders; spanId: string } {
  const headers = context.with(setRequestId(ROOT_CONTEXT, id), () =>
    sendMessage(tracer, "publish", { ...QUEUE, headers: {} }, (all) => all),
  );
  return { headers, spanId: take()[0]?.spanContext().spanId ?? "" };
}

for (const [mode, isChild] of [
  ["auto", true],
  ["parent", true],
  ["both", true],
  ["link", false],
] as const) {
  test(`A pulled message by ${mode} is received as ${isChild ? "a child of its sender" : "a part of what asked"}, in the request of its sender`, () => {
    const { headers, spanId } = sent("id-1");
    const asking = tracer.startSpan("poll");
    const pull = context.with(trace.setSpan(ROOT_CONTEXT, asking), () => beginPull(PULL));
    const inMessage = receiveMessages(tracer, settings(mode), pull, [{ headers }]);
    const [span] = take();
    const links = span?.links.map((link) => link.context.spanId);
    assert.equal(span?.kind, SpanKind.CLIENT);
    assert.equal(span.name, "receive orders");
    assert.equal(span.attributes["messaging.operation.type"], "receive");
    assert.equal(span.parentSpanContext?.spanId, isChild ? spanId : asking.spanContext().spanId);
    const sender = mode === "both" || mode === "link" ? [spanId] : [];
    assert.deepEqual(links, [...sender, ...(isChild ? [asking.spanContext().spanId] : [])]);
    assert.equal(getRequestId(inMessage), "id-1");
    assert.equal(trace.getSpanContext(inMessage)?.spanId, span.spanContext().spanId);
  });
}

test("Several messages of one pull are links", () => {
  const all = [sent("id-1"), sent("id-2")];
  receiveMessages(tracer, settings("parent"), beginPull(PULL), all);
  const [span] = take();
  assert.equal(span?.parentSpanContext, undefined);
  assert.deepEqual(
    span?.links.map((link) => link.context.spanId),
    all.map(({ spanId }) => spanId),
  );
  assert.equal(span?.attributes["messaging.batch.message_count"], 2);
});

test("A pull that brings nothing has no span, one that fails has one that says so", () => {
  assert.equal(receiveMessages(tracer, settings("auto"), beginPull(PULL), []), context.active());
  const suppressed = context.with(suppressTracing(ROOT_CONTEXT), () => beginPull(PULL));
  receiveMessages(tracer, settings("auto"), suppressed, [{ headers: {} }]);
  failReceive(tracer, suppressed, new Error("no"));
  assert.equal(take().length, 0);
  failReceive(tracer, beginPull(PULL), Object.assign(new Error("gone"), { name: "QueueDoesNotExist" }));
  assert.equal(take()[0]?.attributes["error.type"], "QueueDoesNotExist");
});
