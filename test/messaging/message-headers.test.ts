import assert from "node:assert/strict";
import test from "node:test";
import { trace } from "@opentelemetry/api";
import { extractHeaders, waitedMs } from "../../src/messaging/headers.ts";
import { messageHeaders } from "../../src/messaging/message-headers.ts";
import { rememberReceived } from "../../src/messaging/received.ts";
import { headersSize, sizeOf, wouldCross } from "../../src/messaging/size-limit.ts";
import { recordSpans } from "../support/spans.ts";

const { stop } = recordSpans();
test.after(stop);

const ID = "1".repeat(32);
const TRACEPARENT = `00-${ID}-${"2".repeat(16)}-01`;
const OF_SNS = { Type: "String", Value: TRACEPARENT };
const notification = (attributes: object, type = "Notification"): string =>
  JSON.stringify({ Type: type, TopicArn: "arn", Message: "hello", MessageAttributes: attributes });

for (const [what, message] of [
  ["headers", { traceparent: TRACEPARENT }],
  ["a message of kafkajs", { key: null, offset: "0", headers: { traceparent: Buffer.from(TRACEPARENT) } }],
  ["a message with a list for a header", { headers: { traceparent: [Buffer.from(TRACEPARENT)] } }],
  ["a message of amqplib", { fields: {}, properties: { headers: { traceparent: TRACEPARENT } } }],
  [
    "a message of SQS",
    { ReceiptHandle: "r", MessageAttributes: { traceparent: { DataType: "String", StringValue: TRACEPARENT } } },
  ],
  [
    "attributes of SQS as bytes",
    { traceparent: { DataType: "Binary", BinaryValue: new Uint8Array(Buffer.from(TRACEPARENT)) } },
  ],
  ["a message of SQS that SNS has wrapped", { ReceiptHandle: "r", Body: notification({ traceparent: OF_SNS }) }],
  [
    "a record of SQS in Lambda",
    { receiptHandle: "r", messageAttributes: { traceparent: { dataType: "String", stringValue: TRACEPARENT } } },
  ],
  [
    "a record of SQS in Lambda that SNS has wrapped",
    { receiptHandle: "r", body: notification({ traceparent: OF_SNS }) },
  ],
  ["a record of SNS in Lambda", { EventSource: "aws:sns", Sns: { MessageAttributes: { traceparent: OF_SNS } } }],
] as const) {
  test(`messageHeaders finds the sender in ${what}`, () => {
    assert.equal(trace.getSpanContext(extractHeaders(messageHeaders(message)))?.traceId, ID);
  });
}

for (const [what, body] of [
  ["text", "hello"],
  ["broken JSON", '{"TopicArn" "MessageAttributes"'],
  ["JSON of another kind", notification({ traceparent: OF_SNS }, "Other")],
  ["attributes that are none", notification([1])],
  ["nothing", undefined],
] as const) {
  test(`messageHeaders takes no headers from a body of ${what}`, () => {
    assert.deepEqual(messageHeaders({ ReceiptHandle: "r", Body: body }), {});
  });
}

test("messageHeaders of a message that redtrail saw come are those that it came with", () => {
  const message = Object.freeze({ ReceiptHandle: "r" });
  rememberReceived(message, { system: "aws_sqs", destination: "q", headers: { traceparent: TRACEPARENT } });
  assert.deepEqual(messageHeaders(message), { traceparent: TRACEPARENT });
  assert.deepEqual(messageHeaders(undefined), {});
});

test("A message tells when it was sent itself, else its broker does", () => {
  assert.equal(waitedMs({ "x-sent-at": "900" }, 100, 1000), 100);
  assert.equal(waitedMs({}, 100, 1000), 900);
  assert.equal(waitedMs({ "x-sent-at": "soon" }, undefined, 1000), undefined);
  assert.equal(waitedMs({}, Number(undefined), 1000), undefined);
  assert.equal(waitedMs({}, 2000, 1000), 0);
});

const payload = Buffer.from("secret");
for (const [what, message] of [
  ["a message of kafkajs", { key: null, value: payload, offset: "0", timestamp: "1", headers: undefined }],
  ["a message of amqplib", { fields: {}, properties: {}, content: payload }],
  ["a message of NATS", { subject: "a", data: payload }],
  ["a packet of MQTT", { cmd: "publish", topic: "a", payload, qos: 0 }],
  ["a packet of MQTT with other properties", { cmd: "publish", topic: "a", payload, properties: { topicAlias: 1 } }],
  ["a job of BullMQ", { id: "1", name: "a", data: { traceparent: TRACEPARENT }, opts: { attempts: 1 } }],
  ["a message of SQS", { ReceiptHandle: "r", Body: "secret" }],
  ["a record of SNS in Lambda", { EventSource: "aws:sns", Sns: { Message: "secret" } }],
  ["an entry of a Redis stream", { id: "1-0", message: {} }],
  ["an entry of a Redis stream as a list", ["1-0", []]],
  ["a message that is about to be sent", { value: "secret", headers: undefined }],
  ["bytes", payload],
  ["nothing", null],
  ["no message", false],
  ["a text", "secret" as never],
] as const) {
  test(`messageHeaders of ${what} without headers are none`, () => {
    assert.deepEqual(messageHeaders(message), {});
  });
}

test("What is taken without our headers is not made too large by them", () => {
  assert.equal(wouldCross([100], 100, 101), true);
  assert.equal(wouldCross([100], 99, 100), false);
  assert.equal(wouldCross([100], 101, 102), false);
  assert.equal(wouldCross([100, 1000], 999, 1001), true);
  assert.deepEqual([sizeOf("é"), sizeOf(new Uint8Array(3)), sizeOf(10), sizeOf(null)], [2, 3, 2, 0]);
  assert.equal(headersSize({ é: "é", list: ["a", Buffer.from("bc")], none: null }, 3), 7 + 8 + 9 + 7);
});
