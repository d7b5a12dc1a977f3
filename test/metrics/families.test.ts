// The spans of upstream's instrumentations, as they are written today and as older versions wrote them: where each is counted.
import assert from "node:assert/strict";
import test from "node:test";
import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { FAMILIES, familyOf } from "../../src/metrics/families.ts";
import { type SpanOptions, createMetrics, span } from "./span.ts";

const { SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL } = SpanKind;
const { ERROR } = SpanStatusCode;
const DB = "db.client.operation.duration";
const CLIENT_OPERATION = "messaging.client.operation.duration";
const PROCESS = "messaging.process.duration";

interface Row {
  readonly title: string;
  readonly given: SpanOptions;
  readonly family: string;
  readonly labels: Attributes;
}

const postgres = {
  "db.system.name": "postgresql",
  "db.namespace": "shop",
  "server.address": "db",
  "server.port": 5432,
};
const kafka = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
const PLACE = { "rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Place" };

/** Attribute sets are those of the versions in .bench/upstream (2026-11), and of the conventions before 1.2x. */
const rows: readonly Row[] = [
  {
    title: "pg",
    given: { kind: CLIENT, attributes: { ...postgres, "db.query.text": "SELECT 1", "db.postgresql.plan": "p" } },
    family: DB,
    labels: postgres,
  },
  {
    title: "pg that failed: error.type is the server's code",
    given: { kind: CLIENT, code: ERROR, exception: "error", attributes: { ...postgres, "error.type": "23505" } },
    family: DB,
    labels: { ...postgres, "error.type": "23505" },
  },
  {
    title: "pg of old conventions",
    given: {
      kind: CLIENT,
      attributes: {
        "db.system": "postgresql",
        "db.name": "shop",
        "db.statement": "SELECT 1",
        "db.connection_string": "postgresql://db:5432/shop",
        "db.user": "me",
        "net.peer.name": "db",
        "net.peer.port": 5432,
      },
    },
    family: DB,
    labels: postgres,
  },
  {
    title: "mysql2, which names no operation and no error type",
    given: {
      kind: CLIENT,
      code: ERROR,
      attributes: {
        "db.system.name": "mysql",
        "db.namespace": "shop",
        "db.query.text": "SELECT 1",
        "server.address": "db",
        "server.port": 3306,
      },
    },
    family: DB,
    labels: {
      "db.system.name": "mysql",
      "db.namespace": "shop",
      "server.address": "db",
      "server.port": 3306,
      "error.type": "_OTHER",
    },
  },
  {
    title: "mysql2 of old conventions",
    given: {
      kind: CLIENT,
      attributes: {
        "db.system": "mysql",
        "db.name": "shop",
        "db.sql.table": "items",
        "db.operation": "SELECT",
        "net.peer.ip": "10.0.0.1",
        "net.peer.port": 3306,
      },
    },
    family: DB,
    labels: {
      "db.system.name": "mysql",
      "db.namespace": "shop",
      "db.collection.name": "items",
      "db.operation.name": "SELECT",
      "server.address": "10.0.0.1",
      "server.port": 3306,
    },
  },
  {
    title: "mongodb",
    given: {
      kind: CLIENT,
      attributes: {
        "db.system.name": "mongodb",
        "db.namespace": "shop",
        "db.operation.name": "find",
        "db.collection.name": "items",
        "db.query.text": '{"id":"?"}',
        "server.address": "mongo",
        "server.port": 27017,
      },
    },
    family: DB,
    labels: {
      "db.system.name": "mongodb",
      "db.namespace": "shop",
      "db.operation.name": "find",
      "db.collection.name": "items",
      "server.address": "mongo",
      "server.port": 27017,
    },
  },
  {
    title: "ioredis that failed: error.type is the exception's class",
    given: {
      kind: CLIENT,
      code: ERROR,
      exception: "ReplyError",
      attributes: {
        "db.system.name": "redis",
        "db.operation.name": "get",
        "db.query.text": "get [1 other arguments]",
        "server.address": "cache",
        "server.port": 6379,
      },
    },
    family: DB,
    labels: {
      "db.system.name": "redis",
      "db.operation.name": "get",
      "server.address": "cache",
      "server.port": 6379,
      "error.type": "ReplyError",
    },
  },
  {
    title: "redis of old conventions",
    given: {
      kind: CLIENT,
      attributes: {
        "db.system": "redis",
        "db.statement": "GET x",
        "db.connection_string": "redis://cache:6379",
        "net.peer.name": "cache",
        "net.peer.port": 6379,
      },
    },
    family: DB,
    labels: { "db.system.name": "redis", "server.address": "cache", "server.port": 6379 },
  },
  {
    title: "kafkajs, sending",
    given: {
      kind: PRODUCER,
      attributes: {
        ...kafka,
        "messaging.kafka.message.key": "k",
        "messaging.destination.partition.id": "3",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
      },
    },
    family: CLIENT_OPERATION,
    labels: { ...kafka, "messaging.operation.name": "send", "messaging.operation.type": "send" },
  },
  {
    title: "kafkajs, receiving a batch: a CLIENT span",
    given: {
      kind: CLIENT,
      attributes: {
        ...kafka,
        "messaging.operation.name": "poll",
        "messaging.operation.type": "receive",
        "messaging.batch.message_count": 7,
      },
    },
    family: CLIENT_OPERATION,
    labels: { ...kafka, "messaging.operation.name": "poll", "messaging.operation.type": "receive" },
  },
  {
    title: "kafkajs, processing, that failed",
    given: {
      kind: CONSUMER,
      code: ERROR,
      attributes: {
        ...kafka,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.kafka.offset": "42",
        "error.type": "TypeError",
      },
    },
    family: PROCESS,
    labels: {
      ...kafka,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "error.type": "TypeError",
    },
  },
  {
    title: "a Kafka consumer's group, by its oldest name",
    given: { kind: CONSUMER, attributes: { ...kafka, "messaging.consumer_group": "billing" } },
    family: PROCESS,
    labels: { ...kafka, "messaging.consumer.group.name": "billing" },
  },
  {
    title: "a Kafka consumer's group, by its present name",
    given: {
      kind: CONSUMER,
      attributes: { ...kafka, "messaging.consumer.group.name": "billing", "messaging.consumer_group": "old" },
    },
    family: PROCESS,
    labels: { ...kafka, "messaging.consumer.group.name": "billing" },
  },
  {
    title: "amqplib, publishing: old names only",
    given: {
      kind: PRODUCER,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.destination": "orders",
        "messaging.destination_kind": "topic",
        "messaging.rabbitmq.routing_key": "new.42",
        "messaging.url": "amqp://rabbit",
        "net.peer.name": "rabbit",
        "net.peer.port": 5672,
      },
    },
    family: CLIENT_OPERATION,
    labels: {
      "messaging.system": "rabbitmq",
      "messaging.destination.name": "orders",
      "server.address": "rabbit",
      "server.port": 5672,
    },
  },
  {
    title: "a destination that was temporary by the old name",
    given: {
      kind: CONSUMER,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.destination": "amq.gen-7",
        "messaging.temp_destination": true,
        "messaging.operation": "receive",
      },
    },
    family: CLIENT_OPERATION,
    labels: {
      "messaging.system": "rabbitmq",
      "messaging.destination.name": "(temporary)",
      "messaging.operation.type": "receive",
    },
  },
  {
    title: "grpc, answering: old names only, the status a number",
    given: { kind: SERVER, attributes: { ...PLACE, "rpc.grpc.status_code": 0 } },
    family: "rpc.server.call.duration",
    labels: { "rpc.system.name": "grpc", "rpc.method": "shop.Orders/Place", "rpc.response.status_code": "OK" },
  },
  {
    title: "grpc, calling",
    given: {
      kind: CLIENT,
      code: ERROR,
      attributes: {
        ...PLACE,
        "rpc.grpc.status_code": 14,
        "grpc.error_name": "Error",
        "server.address": "orders",
        "server.port": 50051,
      },
    },
    family: "rpc.client.call.duration",
    labels: {
      "rpc.system.name": "grpc",
      "rpc.method": "shop.Orders/Place",
      "rpc.response.status_code": "UNAVAILABLE",
      "server.address": "orders",
      "server.port": 50051,
      "error.type": "_OTHER",
    },
  },
  {
    title: "an undici span of old conventions",
    given: {
      kind: CLIENT,
      attributes: {
        "http.method": "GET",
        "http.status_code": 404,
        "http.flavor": "2",
        "net.peer.name": "stock",
        "net.peer.port": 443,
        "http.url": "https://stock/?q=1",
      },
    },
    family: "http.client.request.duration",
    labels: {
      "http.request.method": "GET",
      "http.response.status_code": 404,
      "network.protocol.version": "2",
      "server.address": "stock",
      "server.port": 443,
    },
  },
];
for (const { title, given, family, labels } of rows) {
  test(`RedMetrics counts ${title}`, () => {
    const metrics = createMetrics();
    for (let i = 0; i < 3; i++) metrics.metrics.onEnd(span(given));
    assert.deepEqual(metrics.labels(family), labels);
    assert.equal(metrics.total(family), 3);
    for (const { name } of FAMILIES) if (name !== family) assert.equal(metrics.total(name), 0, name);
  });
}

test("RedMetrics prefers present attribute names over older ones, in every label that has both", () => {
  const http = createMetrics();
  const both = {
    "http.request.method": "GET",
    "http.method": "PUT",
    "http.response.status_code": 204,
    "http.status_code": 500,
    "url.scheme": "https",
    "http.scheme": "http",
    "network.protocol.version": "2",
    "http.flavor": "1.1",
  };
  http.metrics.onEnd(span({ attributes: both }));
  assert.deepEqual(http.labels("http.server.request.duration"), {
    "http.request.method": "GET",
    "http.response.status_code": 204,
    "url.scheme": "https",
    "network.protocol.version": "2",
  });
  const db = createMetrics();
  const present = {
    "db.system.name": "a",
    "db.namespace": "b",
    "db.operation.name": "c",
    "db.collection.name": "d",
    "server.address": "e",
    "server.port": 1,
  };
  const old = {
    "db.system": "-",
    "db.name": "-",
    "db.operation": "-",
    "db.sql.table": "-",
    "net.peer.name": "-",
    "net.peer.port": 2,
  };
  db.metrics.onEnd(span({ kind: CLIENT, attributes: { ...old, ...present } }));
  assert.deepEqual(db.labels(DB), present);
});

const GRPC = [
  ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"],
  ["PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"],
  ["INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"],
].flat();
test("RedMetrics names each of gRPC's status numbers, has no label for one that is none, and leaves a text as it is", () => {
  const statusOf = (code: number | string): unknown => {
    const { metrics, labels } = createMetrics();
    metrics.onEnd(span({ attributes: { ...PLACE, "rpc.grpc.status_code": code } }));
    return labels("rpc.server.call.duration")["rpc.response.status_code"];
  };
  assert.equal(GRPC.length, 17);
  for (const [number, name] of GRPC.entries()) assert.equal(statusOf(number), name);
  for (const none of [-1, 17, 1.5, Number.NaN]) assert.equal(statusOf(none), undefined, String(none));
  assert.equal(statusOf("OK"), "OK");
});

/** Attributes, status, events as exception types (undefined is an event of another kind), and the error type. */
const errors: readonly (readonly [string, Attributes, number, readonly (string | undefined)[], unknown])[] = [
  ["a given one", { "error.type": "E" }, 0, [], "E"],
  ["a given one before an exception's", { "error.type": "E" }, ERROR, ["X"], "E"],
  ["the newest exception's", {}, ERROR, ["X", "Y"], "Y"],
  ["the exception's that another event follows", {}, ERROR, ["X", undefined], "X"],
  ["_OTHER where nothing says", {}, ERROR, [], "_OTHER"],
  ["_OTHER where no event is an exception", {}, ERROR, [undefined], "_OTHER"],
  ["none for a success that recorded an exception", {}, 0, ["X"], undefined],
];
for (const [title, attributes, code, events, expected] of errors) {
  test(`RedMetrics takes for the error type of a database span ${title}`, () => {
    const { metrics, labels } = createMetrics();
    const failed = span({ kind: CLIENT, code, attributes: { "db.system.name": "x", ...attributes } });
    for (const type of events) {
      failed.events.push({
        name: type === undefined ? "retry" : "exception",
        time: [0, 0],
        ...(type === undefined ? {} : { attributes: { "exception.type": type } }),
      });
    }
    metrics.onEnd(failed);
    assert.equal(labels(DB)["error.type"], expected);
  });
}

for (const [title, kind, attributes, expected] of [
  ["an INTERNAL span of HTTP", INTERNAL, { "http.request.method": "GET" }, undefined],
  ["a SERVER span of nothing known", SERVER, { "faas.trigger": "http" }, undefined],
  [
    "a SERVER span of HTTP and RPC",
    SERVER,
    { "http.method": "POST", "rpc.system": "x" },
    "http.server.request.duration",
  ],
  ["a SERVER span of a database, as a database itself might make", SERVER, { "db.system": "x" }, undefined],
  ["a CLIENT span of RPC over HTTP", CLIENT, { "http.method": "POST", "rpc.system": "x" }, "rpc.client.call.duration"],
  [
    "a CLIENT span of SQS, which is HTTP and RPC too",
    CLIENT,
    { "messaging.system": "aws_sqs", "rpc.system": "aws-api" },
    CLIENT_OPERATION,
  ],
  ["a CLIENT span of nothing known", CLIENT, {}, undefined],
  ["a PRODUCER span without a system", PRODUCER, { "messaging.destination": "x" }, undefined],
  ["a CONSUMER span without a system", CONSUMER, { "messaging.operation": "process" }, undefined],
  ["a CONSUMER span without an operation", CONSUMER, { "messaging.system": "x" }, PROCESS],
] as const) {
  test(`familyOf gives ${title} to ${expected ?? "no family"}`, () => {
    assert.equal(familyOf({ kind, attributes })?.name, expected);
  });
}

test("RedMetrics counts a kind of span that nobody knows in the span metrics, and in no family", () => {
  const { metrics, total } = createMetrics();
  metrics.onEnd(span({ kind: 9 as SpanKind }));
  assert.equal(total("traces.span.metrics.calls"), 1);
  for (const { name } of FAMILIES) assert.equal(total(name), 0, name);
});
