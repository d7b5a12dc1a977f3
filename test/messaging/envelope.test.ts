import assert from "node:assert/strict";
import test, { after } from "node:test";
import { ROOT_CONTEXT, context, trace } from "@opentelemetry/api";
import { requestId, setRequestId } from "../../src/context/request-id.ts";
import { headersIn } from "../../src/messaging/message-shapes.ts";
import { unwrapMessage, wrapMessage } from "../../src/messaging/envelope.ts";
import { withMessage } from "../../src/messaging/public.ts";
import { recordSpans } from "../support/spans.ts";

const { stop } = recordSpans();
after(stop);

const TRACE = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };
const inRequest = <Result>(run: () => Result): Result =>
  context.with(setRequestId(trace.setSpan(ROOT_CONTEXT, trace.wrapSpanContext(TRACE)), "id-1"), run);

for (const payload of ["", "plain", '{"a":1}', "two\nlines\n", "redtrail/1 {} of somebody else", "ünïcode\u{1F600}"]) {
  test(`An envelope gives back ${JSON.stringify(payload)}, and the request it was made in`, () => {
    const wrapped = inRequest(() => wrapMessage(payload));
    const { headers, payload: back } = unwrapMessage(wrapped);
    assert.equal(back, payload);
    assert.equal(
      withMessage(headers, { system: "redis", destination: "list" }, () => requestId()),
      "id-1",
    );
    // One that is passed on has two.
    assert.equal(unwrapMessage(unwrapMessage(wrapMessage(wrapped)).payload).payload, payload);
  });
}

for (const text of [
  "",
  "plain",
  "redtrail/1 ",
  "redtrail/1 {",
  "redtrail/1 {}",
  "redtrail/1 []\nx",
  "redtrail/1 null\nx",
  "redtrail/2 {}\nx",
  " redtrail/1 {}\nx",
  `redtrail/1 {"a":"${"x".repeat(70_000)}"}\nx`,
]) {
  test(`A text without a readable envelope is the payload: ${text.slice(0, 20)}`, () => {
    assert.deepEqual(unwrapMessage(text), { headers: {}, payload: text });
  });
}

for (const payload of [Buffer.from("text"), new Uint8Array([0, 255, 10]), new Uint8Array(0)]) {
  test(`An envelope of bytes gives back ${payload.length} bytes, and the request it was made in`, () => {
    const wrapped = inRequest(() => wrapMessage(payload));
    const { headers, payload: back } = unwrapMessage(wrapped);
    assert.deepEqual(Buffer.from(back), Buffer.from(payload));
    assert.equal(headers["x-request-id"], "id-1");
    assert.deepEqual(unwrapMessage(payload), { headers: {}, payload });
  });
}

test("An empty queue has no payload, and a function that maps gets what it would get without an envelope's options", () => {
  const popped = null as string | null;
  const { headers, payload } = unwrapMessage(popped);
  assert.deepEqual([headers, payload], [{}, null]);
  assert.deepEqual(unwrapMessage(undefined), { headers: {}, payload: undefined });
  assert.equal(inRequest(() => ["a", "b"].map(wrapMessage).map((one) => unwrapMessage(one)))[1]?.payload, "b");
});

const fields = { item: "7", traceparent: "t" };
for (const [what, message, headers] of [
  ["a NATS message", { subject: "a", headers: new Map([["traceparent", ["t"]]]) }, { traceparent: ["t"] }],
  ["headers of NATS", new Map([["traceparent", ["t"]]]), { traceparent: ["t"] }],
  ["fetch's Headers", new Headers({ traceparent: "t" }), { traceparent: "t" }],
  ["an MQTT packet", { topic: "a", properties: { userProperties: fields } }, fields],
  ["a BullMQ job", { id: "1", opts: { telemetry: { metadata: '{"traceparent":"t"}' } } }, { traceparent: "t" }],
  ["a BullMQ job of who knows", { id: "1", opts: { telemetry: { metadata: "{" } } }, undefined],
  ["an entry of ioredis", ["1-0", ["item", "7", "traceparent", "t"]], fields],
  ["fields of ioredis", ["item", "7", "traceparent", "t"], fields],
  ["an entry of node-redis", { id: "1-0", message: fields }, fields],
  ["headers", { traceparent: "t" }, undefined],
  ["a Kafka message", { value: "x", headers: { traceparent: "t" } }, { traceparent: "t" }],
  ["an AMQP message", { properties: { headers: { traceparent: "t" } } }, { traceparent: "t" }],
  ["bytes", Buffer.from("x"), {}],
  ["a set", new Set(["x"]), {}],
] as const) {
  test(`headersIn of ${what}`, () => {
    assert.deepEqual(headersIn(message), headers);
  });
}
