import assert from "node:assert/strict";
import test from "node:test";
import type { Span } from "@opentelemetry/api";
import { isAwsCall, withoutMessaging } from "../../../instrumentations/upstream/aws-sdk.ts";
import { isSeenByDriver } from "../../../instrumentations/upstream/knex.ts";
import { commandText, failOnWriteErrors } from "../../../instrumentations/upstream/mongodb.ts";
import { withoutRoundTrips } from "../../../instrumentations/upstream/oracledb.ts";
import { isRedisCall } from "../../../instrumentations/upstream/redis.ts";

for (const [name, text, expected] of [
  ["get", "get key", true],
  ["redis-GET", "GET key", true],
  ["redis-connect", undefined, false],
  ["connect", "connect", false],
  ["hello", "hello 3", false],
  ["client", "client SETINFO", false],
  ["redis-BLPOP", "BLPOP key 0", false],
  ["bzpopmin", "bzpopmin bull:q:marker 10", false],
  ["xreadgroup", "xreadgroup GROUP g c BLOCK 5000 STREAMS s >", false],
  ["xreadgroup", "xreadgroup GROUP g c STREAMS s >", true],
  ["XREAD", "XREAD COUNT 1 block 0 STREAMS s $", false],
  ["evalsha", "evalsha 1234", true],
] as const) {
  test(`isRedisCall: ${name} "${text}" is ${expected}`, () => {
    assert.equal(isRedisCall(name, text === undefined ? {} : { "db.query.text": text }), expected);
  });
}

for (const [system, isOn, expected] of [
  ["postgresql", true, true],
  ["postgresql", false, false],
  ["mysql2", true, true],
  ["sqlite", true, false],
  ["better-sqlite3", true, false],
  ["something-new", true, false],
] as const) {
  test(`isSeenByDriver: ${system}, whose row is ${isOn ? "on" : "off"}, is ${expected}`, () => {
    assert.equal(
      isSeenByDriver({ "db.system.name": system }, () => isOn),
      expected,
    );
  });
}

for (const [service, method, expected] of [
  ["SQS", "SendMessage", false],
  ["SQS", "ReceiveMessage", false],
  ["SQS", "DeleteMessage", true],
  ["SNS", "PublishBatch", false],
  ["DynamoDB", "GetItem", true],
] as const) {
  test(`isAwsCall: ${service}.${method} is ${expected} beside aws-messaging`, () => {
    const attributes = { "rpc.service": service, "rpc.method": method };
    assert.equal(
      isAwsCall("x", attributes, (name) => name === "aws-messaging"),
      expected,
    );
    assert.equal(
      isAwsCall("x", attributes, () => false),
      true,
    );
  });
}

test("withoutMessaging keeps spans below away only where there is one above", () => {
  const services = new Map([
    ["SQS", 1],
    ["SNS", 2],
    ["S3", 3],
  ]);
  const upstream = { servicesExtensions: { services }, _callOriginalFunction: () => "suppressed" };
  withoutMessaging(upstream);
  assert.deepEqual([...services.keys()], ["S3"]);
  const call = upstream._callOriginalFunction as unknown as (run: () => unknown) => unknown;
  assert.equal(
    call(() => "as it is"),
    "as it is",
  );
});

test("withoutRoundTrips silences the messages of each handler, and leaves the calls", () => {
  const instrumentation: { _tmHandler?: Record<string, unknown> | null } = {};
  withoutRoundTrips(instrumentation);
  for (const handler of [{ onEnterFn: 1 }, { onEnterFn: 2 }]) {
    instrumentation._tmHandler = handler;
    assert.equal(instrumentation._tmHandler, handler);
    assert.deepEqual(Object.keys(handler), ["onEnterFn", "onEndRoundTrip", "onBeginRoundTrip"]);
  }
  instrumentation._tmHandler = null;
  assert.equal(instrumentation._tmHandler, null);
});

for (const [command, expected] of [
  [
    { find: "users", filter: { name: "s3cr3t", age: { $gt: 7 } } },
    '{"find":"users","filter":{"name":"?","age":{"$gt":"?"}}}',
  ],
  [{ ping: 1 }, '{"ping":"?"}'],
  [
    { insert: "users", documents: [{ _id: 1, tags: ["a", "b"] }, { _id: 2 }], ordered: true },
    '{"insert":"users","documents":[{"_id":"?","tags":["?","?"]}],"ordered":"?"}',
  ],
  [
    // What the driver has made of many documents since 6.10.
    { insert: "users", documents: { field: "documents", documents: [{ a: 1 }], chunks: [new Uint8Array(1e6)] } },
    '{"insert":"users","documents":[{"a":"?"}]}',
  ],
  [
    { find: "users", filter: { at: new Date(), id: Buffer.from("s3cr3t") } },
    '{"find":"users","filter":{"at":"?","id":"?"}}',
  ],
  [{ a: { b: { c: { d: { e: { f: { g: { h: { i: { j: 1 } } } } } } } } } }, undefined],
] as const) {
  test(`commandText: ${JSON.stringify(command).slice(0, 60)}`, () => {
    const text = commandText(command);
    if (expected === undefined) assert.doesNotMatch(text, /"j"/);
    else assert.equal(text, expected);
    JSON.parse(text);
  });
}

test("commandText is bounded, and still JSON, whatever a command holds", () => {
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`field${index}`, index]));
  const long = Array.from({ length: 100_000 }, () => wide);
  const text = commandText({ aggregate: "users", pipeline: long, filter: wide });
  assert.ok(text.length < 4_000, String(text.length));
  JSON.parse(text);
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  JSON.parse(commandText({ find: "users", circle }));
});

test("failOnWriteErrors tells of what was not written, in replies of both kinds", () => {
  for (const data of [
    { writeErrors: [{ code: 11000, errmsg: "E11000" }] },
    { has: () => true, toObject: () => ({ writeErrors: [{ code: 11000, errmsg: "E11000" }] }) },
  ]) {
    const told: unknown[] = [];
    const span = {
      setStatus: (status: unknown) => told.push(status),
      setAttribute: (...given: unknown[]) => told.push(given),
    };
    failOnWriteErrors(span as unknown as Span, { data });
    assert.deepEqual(told, [{ code: 2, message: "E11000" }, ["db.response.status_code", "11000"]]);
  }
  for (const data of [undefined, null, {}, { has: () => false }]) failOnWriteErrors({} as Span, { data } as never);
});
