import assert from "node:assert/strict";
import test from "node:test";
import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { CounterSeries, HistogramSeries } from "../../src/metrics/data.ts";
import type { RedMetricsOptions } from "../../src/metrics/red-options.ts";
import { GET_USER, NOW_S, type SpanOptions, createMetrics, span } from "./span.ts";

const { SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL } = SpanKind;
const { ERROR } = SpanStatusCode;
const CALLS = "traces.span.metrics.calls";
const DURATION = "traces.span.metrics.duration";
const HTTP_SERVER = "http.server.request.duration";

function histogram(data: ReturnType<ReturnType<typeof createMetrics>["family"]>): HistogramSeries {
  return data?.dataPoints[0] as unknown as HistogramSeries;
}

test("RedMetrics counts a SERVER span by method, route, status, scheme and protocol version, in seconds", () => {
  const { metrics, family, labels } = createMetrics();
  metrics.onEnd(span({ duration: [0, 20e6] }));
  metrics.onEnd(span({ duration: [3, 0] }));
  assert.deepEqual(labels(HTTP_SERVER), GET_USER);
  const { value } = histogram(family(HTTP_SERVER));
  assert.deepEqual([value.count, value.sum], [2, 3.02]);
  assert.deepEqual(value.buckets.counts, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
});

test("RedMetrics puts a duration that equals a bound into that bound's bucket, and a negative one into the first", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ duration: [0, 5e6] }));
  metrics.onEnd(span({ duration: [0, 5e6 + 1] }));
  metrics.onEnd(span({ duration: [11, 0] }));
  metrics.onEnd(span({ duration: [-1, 0] }));
  const { counts } = histogram(family(HTTP_SERVER)).value.buckets;
  assert.deepEqual([counts[0], counts[1], counts.at(-1)], [2, 1, 1]);
  assert.equal(histogram(family(HTTP_SERVER)).value.sum, 11.010000001);
});

/** Title, span, the family that counts it and its labels. Old attribute names become the present ones. */
const families: readonly (readonly [string, SpanOptions, string, Attributes])[] = [
  [
    "an HTTP client span",
    {
      kind: CLIENT,
      attributes: {
        "http.request.method": "POST",
        "server.address": "stock",
        "server.port": 8080,
        "url.template": "/items/{id}",
        "http.response.status_code": 503,
        "error.type": "503",
        "url.full": "http://stock:8080/?q=1",
      },
    },
    "http.client.request.duration",
    {
      "http.request.method": "POST",
      "server.address": "stock",
      "server.port": 8080,
      "url.template": "/items/{id}",
      "http.response.status_code": 503,
      "error.type": "503",
    },
  ],
  [
    "an HTTP server span of old conventions",
    {
      attributes: {
        "http.method": "GET",
        "http.status_code": "200",
        "http.scheme": "https",
        "http.flavor": "1.1",
        "http.route": "/a",
      },
    },
    HTTP_SERVER,
    {
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "url.scheme": "https",
      "network.protocol.version": "1.1",
      "http.route": "/a",
    },
  ],
  [
    "a PostgreSQL span",
    {
      kind: CLIENT,
      attributes: {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.namespace": "shop",
        "db.collection.name": "items",
        "server.address": "db",
        "server.port": "5432",
        "db.query.text": "SELECT * FROM items WHERE id = 7",
        "db.response.status_code": "23505",
      },
      code: ERROR,
      exception: "DatabaseError",
    },
    "db.client.operation.duration",
    {
      "db.system.name": "postgresql",
      "db.operation.name": "SELECT",
      "db.namespace": "shop",
      "db.collection.name": "items",
      "server.address": "db",
      "server.port": "5432",
      "db.response.status_code": "23505",
      "error.type": "DatabaseError",
    },
  ],
  [
    "a MongoDB span of old conventions",
    {
      kind: CLIENT,
      attributes: {
        "db.system": "mongodb",
        "db.operation": "find",
        "db.name": "shop",
        "db.mongodb.collection": "items",
        "net.peer.name": "mongo",
        "net.peer.port": 27017,
      },
      code: ERROR,
    },
    "db.client.operation.duration",
    {
      "db.system.name": "mongodb",
      "db.operation.name": "find",
      "db.namespace": "shop",
      "db.collection.name": "items",
      "server.address": "mongo",
      "server.port": 27017,
      "error.type": "_OTHER",
    },
  ],
  [
    "an Elasticsearch span, which is HTTP too",
    { kind: CLIENT, attributes: { "db.system.name": "elasticsearch", "http.request.method": "GET" } },
    "db.client.operation.duration",
    { "db.system.name": "elasticsearch" },
  ],
  [
    "a producer's span",
    {
      kind: PRODUCER,
      attributes: {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "orders",
      },
    },
    "messaging.client.operation.duration",
    {
      "messaging.system": "kafka",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": "orders",
    },
  ],
  [
    "a receiving consumer's span",
    {
      kind: CONSUMER,
      attributes: {
        "messaging.system": "kafka",
        "messaging.operation.type": "receive",
        "messaging.destination.name": "orders",
        "messaging.kafka.consumer.group": "billing",
      },
    },
    "messaging.client.operation.duration",
    {
      "messaging.system": "kafka",
      "messaging.operation.type": "receive",
      "messaging.destination.name": "orders",
      "messaging.consumer.group.name": "billing",
    },
  ],
  [
    "amqplib's consumer span of old conventions",
    {
      kind: CONSUMER,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.operation": "process",
        "messaging.destination": "orders",
      },
    },
    "messaging.process.duration",
    { "messaging.system": "rabbitmq", "messaging.operation.type": "process", "messaging.destination.name": "orders" },
  ],
  [
    "a message to a destination with a template",
    {
      kind: PRODUCER,
      attributes: {
        "messaging.system": "nats",
        "messaging.destination.name": "reply.42",
        "messaging.destination.template": "reply.{id}",
      },
    },
    "messaging.client.operation.duration",
    { "messaging.system": "nats", "messaging.destination.template": "reply.{id}" },
  ],
  [
    "a message to a temporary destination",
    {
      kind: PRODUCER,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "amq.gen-1",
        "messaging.destination.temporary": true,
      },
    },
    "messaging.client.operation.duration",
    { "messaging.system": "rabbitmq", "messaging.destination.name": "(temporary)" },
  ],
  [
    "a message to an anonymous destination",
    {
      kind: PRODUCER,
      attributes: {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "x1",
        "messaging.destination.anonymous": true,
      },
    },
    "messaging.client.operation.duration",
    { "messaging.system": "rabbitmq", "messaging.destination.name": "(anonymous)" },
  ],
  [
    "a gRPC server span of old conventions",
    {
      attributes: {
        "rpc.system": "grpc",
        "rpc.service": "shop.Orders",
        "rpc.method": "Place",
        "rpc.grpc.status_code": 4,
      },
      code: ERROR,
    },
    "rpc.server.call.duration",
    {
      "rpc.system.name": "grpc",
      "rpc.method": "shop.Orders/Place",
      "rpc.response.status_code": "DEADLINE_EXCEEDED",
      "error.type": "_OTHER",
    },
  ],
  [
    "a gRPC client span",
    {
      kind: CLIENT,
      attributes: {
        "rpc.system.name": "grpc",
        "rpc.method": "shop.Orders/Place",
        "rpc.response.status_code": "OK",
        "server.address": "orders",
      },
    },
    "rpc.client.call.duration",
    {
      "rpc.system.name": "grpc",
      "rpc.method": "shop.Orders/Place",
      "rpc.response.status_code": "OK",
      "server.address": "orders",
    },
  ],
];
for (const [title, options, name, expected] of families) {
  test(`RedMetrics counts ${title} in ${name}`, () => {
    const { metrics, labels, total } = createMetrics();
    // The second time by what is remembered of the first.
    for (let i = 0; i < 3; i++) metrics.onEnd(span(options));
    assert.deepEqual(labels(name), expected);
    assert.equal(total(name), 3);
    assert.equal(total(CALLS), 3);
    const others = [...new Set(families.map(([, , other]) => other))].filter((other) => other !== name);
    for (const other of others) assert.equal(total(other), 0, other);
  });
}

for (const [attribute, value, seconds] of [
  ["redtrail.messaging.queue.time", 1.5, 1.5],
  ["messaging.servicebus.message.enqueued_time", NOW_S - 30, 30],
  ["messaging.eventhubs.message.enqueued_time", NOW_S - 2, 2],
] as const) {
  test(`RedMetrics knows the time in the queue by ${attribute}`, () => {
    const { metrics, family } = createMetrics();
    metrics.onEnd(span({ kind: CONSUMER, attributes: { "messaging.system": "x", [attribute]: value } }));
    assert.equal(histogram(family("redtrail.messaging.queue.time")).value.sum, seconds);
  });
}

test("RedMetrics leaves out a negative time in the queue, and counts it", () => {
  const { metrics, family, labels, total } = createMetrics();
  metrics.onEnd(
    span({ kind: CONSUMER, attributes: { "messaging.system": "x", "redtrail.messaging.queue.time": -0.1 } }),
  );
  assert.equal(family("redtrail.messaging.queue.time"), undefined);
  assert.deepEqual(labels("redtrail.red.span.ignored"), { reason: "negative_queue_time" });
  assert.equal(total("redtrail.red.span.ignored"), 1);
});

for (const duration of [
  [Number.NaN, 0],
  [Infinity, 0],
] as const) {
  test(`RedMetrics keeps a duration of ${duration[0]} out of its sums, and counts the call`, () => {
    const { metrics, family, total } = createMetrics();
    metrics.onEnd(span());
    metrics.onEnd(span({ duration: [...duration], endS: Number.NaN }));
    assert.equal(histogram(family(HTTP_SERVER)).value.sum, 0.02);
    assert.deepEqual([total(HTTP_SERVER), total(CALLS), total("redtrail.red.span.ignored")], [1, 2, 1]);
  });
}

test("RedMetrics counts every request span in the span metrics, with the Collector's label values", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ kind: CONSUMER, name: "process orders", attributes: {}, code: ERROR }));
  const labels = { "service.name": "shop", "span.name": "process orders", "span.kind": "SPAN_KIND_CONSUMER" };
  assert.deepEqual(
    (family(CALLS)?.dataPoints as unknown as CounterSeries[]).map(({ attributes, value }) => [attributes, value]),
    [
      [{ ...labels, "status.code": "STATUS_CODE_ERROR" }, 1],
      [{ ...labels, "status.code": "STATUS_CODE_UNSET" }, 0],
    ],
  );
  assert.deepEqual(histogram(family(DURATION)).attributes, { ...labels, "status.code": "STATUS_CODE_ERROR" });
  assert.equal(family(DURATION)?.dataPoints.length, 1);
});

test("RedMetrics has an error series at zero from the first success of a name on", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span());
  const values = (): unknown[] =>
    (family(CALLS)?.dataPoints as unknown as CounterSeries[]).map(({ attributes, value }) => [
      attributes["status.code"],
      value,
    ]);
  assert.deepEqual(values(), [
    ["STATUS_CODE_UNSET", 1],
    ["STATUS_CODE_ERROR", 0],
  ]);
  metrics.onEnd(span({ code: ERROR }));
  assert.deepEqual(values(), [
    ["STATUS_CODE_UNSET", 1],
    ["STATUS_CODE_ERROR", 1],
  ]);
});

test("RedMetrics leaves INTERNAL spans out", () => {
  const { metrics, total } = createMetrics();
  metrics.onStart(span({ kind: INTERNAL }));
  metrics.onEnd(span({ kind: INTERNAL }));
  for (const name of [CALLS, HTTP_SERVER, "otel.sdk.span.live"]) assert.equal(total(name), 0, name);
});

for (const errorType of ["client_aborted", "incomplete_response"]) {
  const aborted: Attributes = { ...GET_USER, "error.type": errorType };
  const { "http.response.status_code": _, ...withoutStatus } = aborted;
  for (const [mode, expected, inSpanMetrics] of [
    ["separate", withoutStatus, 0],
    ["include", withoutStatus, 1],
    ["exclude", undefined, 0],
  ] as const) {
    test(`RedMetrics has no status code for what ended as ${errorType}, and with aborted=${mode} keeps its promise`, () => {
      const { metrics, family, labels, total } = createMetrics({ aborted: mode });
      metrics.onEnd(span({ attributes: aborted }));
      if (expected === undefined) assert.equal(family(HTTP_SERVER), undefined);
      else assert.deepEqual(labels(HTTP_SERVER), expected);
      assert.equal(total(DURATION), inSpanMetrics);
      assert.equal(total(CALLS), 1);
    });
  }
}

for (const [streams, inDurations] of [
  ["exclude", 0],
  ["include", 1],
] as const) {
  test(`RedMetrics counts a stream as a call, and with streams=${streams} ${inDurations} times in the durations`, () => {
    const { metrics, total } = createMetrics({ streams });
    metrics.onEnd(span({ attributes: { ...GET_USER, "redtrail.http.streaming": true }, duration: [3600, 0] }));
    assert.deepEqual([total(CALLS), total(HTTP_SERVER), total(DURATION)], [1, inDurations, inDurations]);
  });
}

/** Setting, kind, status, error type on the span, then what is an error and with which type. */
for (const [from, kind, status, given, isError, type] of [
  [429, SERVER, 429, undefined, true, "429"],
  [429, SERVER, 500, "500", false, undefined],
  [429, SERVER, 200, "client_aborted", false, "client_aborted"],
  [429, CLIENT, 500, "500", true, "500"],
] as const) {
  test(`RedMetrics with server:${from} takes a ${SpanKind[kind]} span of ${status} (${given}) for ${isError ? "an error" : "none"}`, () => {
    const { metrics, family, labels } = createMetrics({ errorClasses: [{ kind: "server", from, to: from }] });
    const attributes = {
      ...GET_USER,
      "http.response.status_code": status,
      ...(given === undefined ? {} : { "error.type": given }),
    };
    metrics.onEnd(span({ kind, attributes, code: given === "500" ? ERROR : 0 }));
    const errors = (family(CALLS)?.dataPoints as unknown as CounterSeries[]).find(
      (one) => one.attributes["status.code"] === "STATUS_CODE_ERROR",
    );
    assert.equal(errors?.value, isError ? 1 : 0);
    assert.equal(labels(kind === SERVER ? HTTP_SERVER : "http.client.request.duration")["error.type"], type);
  });
}

test("RedMetrics knows how many requests are active, also when an attribute changes on the way", () => {
  const { metrics, total, labels } = createMetrics();
  const one = span({ attributes: { ...GET_USER } });
  const other = span();
  metrics.onStart(one);
  metrics.onStart(other);
  assert.equal(total("http.server.active_requests"), 2);
  one.attributes["url.scheme"] = "https";
  metrics.onEnd(one);
  assert.equal(total("http.server.active_requests"), 1);
  metrics.onEnd(other);
  metrics.onEnd(span());
  assert.deepEqual(labels("http.server.active_requests"), { "http.request.method": "GET", "url.scheme": "http" });
  assert.equal(total("http.server.active_requests"), 0);
});

test("RedMetrics leaves excluded spans out, and counts them as such; what is active stays right", () => {
  const { metrics, total, labels } = createMetrics({ exclusions: [{ what: "route", glob: "/health*" }] });
  const health = span({ attributes: { ...GET_USER, "http.route": "/healthz" } });
  metrics.onStart(health);
  metrics.onEnd(health);
  metrics.onEnd(span());
  assert.deepEqual([total(CALLS), total(HTTP_SERVER), total("http.server.active_requests")], [1, 1, 0]);
  assert.deepEqual(labels("redtrail.red.span.ignored"), { reason: "excluded" });
});

test("RedMetrics gives the span metrics dimensions of the span, else of the resource, else the default", () => {
  const { metrics, family } = createMetrics({
    dimensions: [
      { key: "tenant", fallback: "none", only: undefined },
      { key: "region", fallback: undefined, only: "calls" },
      { key: "tier", fallback: "free", only: "duration" },
      { key: "span.name", fallback: "taken", only: undefined },
    ],
    resourceAttributes: { region: "eu" },
  });
  for (let i = 0; i < 3; i++) metrics.onEnd(span({ attributes: { ...GET_USER, tenant: "acme" } }));
  metrics.onEnd(span());
  const labelsOf = (name: string): unknown[] =>
    (family(name)?.dataPoints as unknown as HistogramSeries[])
      .filter(({ attributes }) => attributes["status.code"] === "STATUS_CODE_UNSET")
      .map(({ attributes: { tenant, region, tier } }) => [tenant, region, tier]);
  assert.deepEqual(labelsOf(CALLS), [
    ["acme", "eu", undefined],
    ["none", "eu", undefined],
  ]);
  assert.deepEqual(labelsOf(DURATION), [
    ["acme", undefined, "free"],
    ["none", undefined, "free"],
  ]);
});

const TEMPO = ["traces_spanmetrics_calls", "traces_spanmetrics_latency"];
for (const [profile, names] of [
  ["collector", [CALLS, DURATION]],
  ["tempo", TEMPO],
  ["both", [CALLS, DURATION, ...TEMPO]],
] as const) {
  test(`RedMetrics with profile=${profile} writes ${names.join(", ")}`, () => {
    const { metrics, family, total } = createMetrics({ profile, unit: "ms" });
    for (let i = 0; i < 3; i++) metrics.onEnd(span({ duration: [0, 20e6] }));
    for (const name of [CALLS, DURATION, ...TEMPO]) {
      assert.equal(total(name), (names as readonly string[]).includes(name) ? 3 : 0, name);
    }
    const latency = histogram(family(TEMPO[1] as string));
    if (profile === "collector") {
      assert.equal(family(DURATION)?.descriptor.unit, "ms");
      assert.equal(histogram(family(DURATION)).value.sum, 60);
    } else {
      assert.ok(Math.abs(latency.value.sum - 0.06) < 1e-9, "Tempo's latency is in seconds");
      assert.deepEqual(latency.attributes, {
        service: "shop",
        "span.name": "GET /users/:id",
        "span.kind": "SPAN_KIND_SERVER",
        "status.code": "STATUS_CODE_UNSET",
      });
      assert.equal(latency.exemplars?.filter((one) => one !== undefined).length, 1);
    }
  });
}

const bounds = (options: Partial<RedMetricsOptions>, name: string): number[] => {
  const { metrics, family } = createMetrics(options);
  metrics.onEnd(span());
  metrics.onEnd(span({ kind: CLIENT, attributes: { "db.system": "redis" } }));
  return histogram(family(name)).value.buckets.boundaries;
};
test("RedMetrics merges objectives into the bounds of every histogram, and takes bounds of the user's but for db", () => {
  const custom = { buckets: [0.1, 1], slo: [0.3] };
  assert.deepEqual(bounds(custom, HTTP_SERVER), [0.1, 0.3, 1]);
  assert.deepEqual(bounds(custom, DURATION), [0.1, 0.3, 1]);
  assert.deepEqual(bounds(custom, "db.client.operation.duration"), [0.001, 0.005, 0.01, 0.05, 0.1, 0.3, 0.5, 1, 5, 10]);
  assert.deepEqual(bounds({ ...custom, unit: "ms" }, DURATION), [100, 300, 1000]);
});

test("RedMetrics keeps exemplars of sampled spans only, the newest of each bucket", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ traceId: "a".repeat(32), attributes: { ...GET_USER, "http.request.id": "r1" } }));
  metrics.onEnd(span({ traceId: "b".repeat(32), endS: NOW_S + 1 }));
  metrics.onEnd(span({ traceId: "c".repeat(32), endS: NOW_S + 2, isSampled: false }));
  metrics.onEnd(span({ traceId: "d".repeat(32), endS: NOW_S + 3, duration: [20, 0] }));
  const { exemplars = [] } = histogram(family(HTTP_SERVER));
  assert.deepEqual(
    exemplars.flatMap((one, bucket) => (one === undefined ? [] : [[bucket, one.traceId[0], one.value, one.time]])),
    [
      [2, "b", 0.02, NOW_S + 1],
      [14, "d", 20, NOW_S + 3],
    ],
  );
  const [calls] = family(CALLS)?.dataPoints as unknown as CounterSeries[];
  assert.deepEqual([calls?.exemplar?.traceId[0], calls?.exemplar?.value], ["d", 1]);
});

test("RedMetrics prefers a failed span's example for 60 seconds, in the calls too, with its request id", () => {
  const { metrics, family } = createMetrics();
  const end = (endS: number, code: number, id: string): void =>
    metrics.onEnd(span({ endS, code, attributes: { ...GET_USER, "http.request.id": id } }));
  const kept = (): unknown => histogram(family(HTTP_SERVER)).exemplars?.[2]?.requestId;
  end(NOW_S, ERROR, "failed");
  end(NOW_S + 59, 0, "good");
  assert.equal(kept(), "failed");
  end(NOW_S + 60, 0, "later");
  assert.equal(kept(), "later");
  const calls = (family(CALLS)?.dataPoints as unknown as CounterSeries[]).map(({ exemplar }) => exemplar?.requestId);
  assert.deepEqual(calls, ["failed", "later"]);
});

test("RedMetrics has one label for a dimension that is given twice, by the last of the two", () => {
  const dimension = { key: "tenant", only: undefined };
  const { metrics, family } = createMetrics({
    dimensions: [
      { ...dimension, fallback: undefined },
      { ...dimension, fallback: "calls", only: "calls" },
      { ...dimension, fallback: "none", only: "duration" },
    ],
  });
  metrics.onEnd(span());
  metrics.onEnd(span({ attributes: { ...GET_USER, tenant: "none" } }));
  const tenants = (name: string): unknown[] =>
    (family(name)?.dataPoints ?? [])
      .filter(({ attributes }) => attributes["status.code"] === "STATUS_CODE_UNSET")
      .map(({ attributes }) => attributes["tenant"]);
  assert.deepEqual([tenants(CALLS), tenants(DURATION)], [["calls", "none"], ["none"]]);
});

for (const value of [Infinity, -Infinity, Number.NaN]) {
  test(`RedMetrics keeps a time in the queue of ${value} out of its sum, and counts it`, () => {
    const { metrics, family, total } = createMetrics();
    const attributes = { "messaging.system": "x", "redtrail.messaging.queue.time": value };
    metrics.onEnd(span({ kind: CONSUMER, attributes }));
    assert.equal(family("redtrail.messaging.queue.time"), undefined);
    assert.deepEqual([total("redtrail.red.span.ignored"), total("messaging.process.duration")], [1, 1]);
  });
}

for (const [filter, isSampled, expected] of [
  ["always_off", true, 0],
  ["always_on", false, 1],
  ["trace_based", false, 0],
  ["trace_based", true, 1],
] as const) {
  test(`RedMetrics with the exemplar filter ${filter} keeps ${expected} of a span that is ${isSampled ? "" : "not "}sampled`, () => {
    const { metrics, family } = createMetrics({ exemplarFilter: filter });
    metrics.onEnd(span({ isSampled }));
    const { exemplars = [] } = histogram(family(HTTP_SERVER));
    assert.equal(exemplars.filter((one) => one !== undefined).length, expected);
  });
}

test("RedMetrics tells how many spans live and how old the oldest is; one that was forgotten is not it", () => {
  const { metrics, family } = createMetrics();
  const nowS = Math.floor(Date.now() / 1000);
  const hanging = span({ startS: nowS - 100 });
  metrics.onStart(span({ startS: nowS - 7 * 3600 }));
  metrics.onStart(hanging);
  metrics.onStart(span({ startS: nowS - 5 }));
  const read = (name: string): number =>
    (family(name)?.dataPoints as unknown as CounterSeries[]).find(
      ({ attributes }) => attributes["span.kind"] === "SPAN_KIND_SERVER",
    )?.value as number;
  assert.equal(read("otel.sdk.span.live"), 3);
  assert.equal(Math.floor(read("redtrail.span.oldest_live.age") / 10), 10);
  metrics.onEnd(hanging);
  assert.equal(read("otel.sdk.span.live"), 2);
  assert.ok(read("redtrail.span.oldest_live.age") < 10);
});

test("RedMetrics names what it writes, so that nobody else does", () => {
  assert.deepEqual(createMetrics({ families: ["http", "spanmetrics"] }).metrics.names, [
    HTTP_SERVER,
    "http.client.request.duration",
    "http.server.active_requests",
  ]);
});

test("RedMetrics counts spans with any attributes and never throws", () => {
  const { metrics, total } = createMetrics({ dimensions: [{ key: "x", fallback: undefined, only: undefined }] });
  const hostile: unknown[] = [[], ["a", 1], {}, null, Number.NaN, "x".repeat(100_000), "\uD800", true, 1n, undefined];
  let count = 0;
  for (const value of hostile) {
    for (const key of ["http.request.method", "http.route", "http.response.status_code", "error.type", "x"]) {
      metrics.onEnd(span({ attributes: hostileAttributes(key, value), name: String(value) }));
      count++;
    }
  }
  assert.equal(total(CALLS), count);
  // One has no method, so it is no HTTP request.
  assert.equal(total(HTTP_SERVER), count - 1);
});

/** What the types forbid, and JavaScript does not. */
function hostileAttributes(key: string, value: unknown): Attributes {
  return Object.assign({ ...GET_USER }, { [key]: value });
}
