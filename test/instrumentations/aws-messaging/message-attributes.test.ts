import assert from "node:assert/strict";
import test from "node:test";
import { queueOf, topicOf } from "../../../instrumentations/aws-messaging/destination.ts";
import { isTooLarge, toAttributes } from "../../../instrumentations/aws-messaging/message-attributes.ts";

const OURS = {
  baggage: "a=1",
  "x-peer-service": "shop",
  tracestate: "a=1",
  "x-request-id": "id-1",
  traceparent: "00-1-2-01",
  "x-sent-at": "1",
};
const own = (count: number): Record<string, object> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`own-${index}`, { DataType: "String" }]));
const ourNames = (count: number): string[] =>
  Object.keys(toAttributes({ ...own(count), ...OURS }, ["x-request-id"])).slice(count);

test("With room for all, a message has all but the time, which the broker knows", () => {
  assert.deepEqual(ourNames(0), ["traceparent", "x-request-id", "tracestate", "x-peer-service", "baggage"]);
  assert.deepEqual(ourNames(5).length, 5);
});

for (const [count, names] of [
  [7, ["traceparent", "x-request-id", "tracestate"]],
  [8, ["traceparent", "x-request-id"]],
  [9, ["traceparent"]],
  [10, []],
  [11, []],
] as const) {
  test(`Beside ${count} attributes of the app: ${names.join(", ") || "none"}`, () => {
    assert.deepEqual(ourNames(count), names);
  });
}

test("The app's attributes stay as they are, and ours are texts that the services take", () => {
  const binary = { DataType: "Binary", BinaryValue: new Uint8Array(2) };
  const attributes = toAttributes({ image: binary, traceparent: "t", baggage: "", tracestate: "a\u0000" }, []);
  assert.deepEqual(attributes, { image: binary, traceparent: { DataType: "String", StringValue: "t" } });
});

test("What SQS takes is not made too large: one message, or all of a batch", () => {
  const attributes = toAttributes({ traceparent: "t".repeat(55) }, []);
  const message = (length: number): Parameters<typeof isTooLarge>[0][number] => ({
    body: "x".repeat(length),
    own: {},
    attributes,
  });
  assert.equal(isTooLarge([message(262_144)]), true);
  assert.equal(isTooLarge([message(262_144 - 72)]), false);
  assert.equal(isTooLarge([message(262_144 - 71)]), true);
  assert.equal(isTooLarge([message(300_000)]), false);
  assert.equal(isTooLarge([message(500_000), message(548_576)]), true);
});

test("Destinations are queues and topics; phones and their apps are none", () => {
  assert.deepEqual(queueOf("http://127.0.0.1:5190/123456789012/orders.fifo").destination, "orders.fifo");
  assert.equal(
    queueOf("https://sqs.eu-central-1.amazonaws.com/1/q").attributes["server.address"],
    "sqs.eu-central-1.amazonaws.com",
  );
  assert.equal(queueOf(undefined).destination, "unknown");
  assert.equal(topicOf("arn:aws:sns:eu-central-1:123456789012:orders")?.destination, "orders");
  assert.equal(topicOf("arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/shop/5e3e9847"), undefined);
  assert.equal(topicOf(undefined), undefined);
});
