import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span as ApiSpan,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { createZipkinEncoder } from "../../../src/exporters/zipkin/transform.ts";
import type { ZipkinSpan } from "../../../src/exporters/zipkin/types.ts";

const RESOURCE: Attributes = { "service.name": "shop", "host.name": "box", "telemetry.sdk.language": "nodejs" };
const PARENT = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
};

const tracer = new TracerProvider({ resource: resourceFromAttributes(RESOURCE) }).getTracer("scope", "1.2.3");

interface SpanInput {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly parent?: "none" | "local" | "remote";
  readonly edit?: (span: ApiSpan) => void;
}

/** A child span of the SDK's unless `parent` says otherwise. */
function spanOf({ kind = SpanKind.INTERNAL, attributes = {}, parent = "local", edit }: SpanInput): ReadableSpan {
  const parentContext =
    parent === "none" ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...PARENT, isRemote: parent === "remote" });
  const span = tracer.startSpan("work", { kind, attributes }, parentContext);
  edit?.(span);
  span.end();
  return span as ApiSpan & ReadableSpan;
}

function encode(span: ReadableSpan, resource: Attributes = RESOURCE): ZipkinSpan {
  return JSON.parse(createZipkinEncoder(resource)(span)) as ZipkinSpan;
}

/** A span with values that the SDK would not let in. */
function withFields(fields: Partial<Record<keyof ReadableSpan, unknown>>): ReadableSpan {
  const span = spanOf({});
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    parentSpanContext: PARENT,
    startTime: [1_700_000_000, 123_456_789],
    endTime: [1_700_000_000, 123_458_023],
    duration: [0, 1_234],
    status: span.status,
    attributes: {},
    links: [],
    events: [],
    ended: true,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    ...fields,
  } as ReadableSpan;
}

function tagsOf(attributes: Record<string, unknown>): ZipkinSpan["tags"] {
  return encode(withFields({ attributes })).tags;
}

function remoteOf(kind: SpanKind, attributes: Attributes): ZipkinSpan["remoteEndpoint"] {
  return encode(spanOf({ kind, attributes })).remoteEndpoint;
}

test("ZipkinEncoder writes ids, name, kind, endpoint and tags", () => {
  const span = spanOf({ kind: SpanKind.SERVER, attributes: { "http.request.id": "abc" } });
  const { timestamp, duration, ...rest } = encode(span);
  assert.ok(Number.isInteger(timestamp) && Number.isInteger(duration));
  assert.deepEqual(rest, {
    traceId: PARENT.traceId,
    id: span.spanContext().spanId,
    parentId: PARENT.spanId,
    kind: "SERVER",
    name: "work",
    localEndpoint: { serviceName: "shop" },
    tags: { outcome: "success", "http.request.id": "abc", "otel.scope.name": "scope", "otel.scope.version": "1.2.3" },
  });
});

test("ZipkinEncoder writes each kind, and none for INTERNAL", () => {
  const kinds = [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER];
  const written = kinds.map((kind) => encode(spanOf({ kind })).kind);
  assert.deepEqual(written, [undefined, "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]);
});

test("ZipkinEncoder writes times as whole microseconds and never a duration of 0", () => {
  const cases: [startTime: number[], duration: number[], timestamp: number | undefined, micros: number][] = [
    [[1_700_000_000, 123_456_789], [0, 1_234], 1_700_000_000_123_457, 1],
    [[1_700_000_000, 0], [2, 500], 1_700_000_000_000_000, 2_000_001],
    [[1_700_000_000.5, 800.25], [0, 0], 1_700_000_000_500_001, 1],
    [[Number.NaN, 0], [Number.POSITIVE_INFINITY, 0], undefined, 1],
    [[1_700_000_000, 0], [-1, 0], 1_700_000_000_000_000, 1],
  ];
  for (const [startTime, duration, timestamp, micros] of cases) {
    const span = encode(withFields({ startTime, duration }));
    assert.deepEqual([span.timestamp, span.duration], [timestamp, micros]);
  }
});

test("ZipkinEncoder names a service without a name as the specification's default does", () => {
  assert.deepEqual(encode(spanOf({}), {}).localEndpoint, { serviceName: "unknown_service:node" });
});

test("ZipkinEncoder finds the remote endpoint of a client by rank", () => {
  const ranked: [Attributes, ZipkinSpan["remoteEndpoint"]][] = [
    [{ "db.name": "orders" }, { serviceName: "orders" }],
    [{ "peer.address": "10.0.0.9" }, { ipv4: "10.0.0.9" }],
    [{ "peer.hostname": "host" }, { serviceName: "host" }],
    [
      { "net.sock.peer.addr": "10.0.0.8", "net.sock.peer.port": 81 },
      { ipv4: "10.0.0.8", port: 81 },
    ],
    [{ "net.sock.peer.name": "sock" }, { serviceName: "sock" }],
    [
      { "server.socket.address": "10.0.0.7", "server.socket.port": 82 },
      { ipv4: "10.0.0.7", port: 82 },
    ],
    [{ "server.socket.domain": "domain" }, { serviceName: "domain" }],
    [
      { "network.peer.address": "10.0.0.6", "network.peer.port": 83 },
      { ipv4: "10.0.0.6", port: 83 },
    ],
    [{ "net.peer.name": "peer" }, { serviceName: "peer" }],
    [{ "server.address": "db.example", "server.port": 5432 }, { serviceName: "db.example" }],
    [{ "peer.service": "orders-service" }, { serviceName: "orders-service" }],
    [{ "service.peer.name": "newest" }, { serviceName: "newest" }],
  ];
  let all: Attributes = {};
  for (const [attributes, expected] of ranked) {
    all = { ...attributes, ...all };
    assert.deepEqual(remoteOf(SpanKind.CLIENT, attributes), expected);
    assert.deepEqual(remoteOf(SpanKind.PRODUCER, all), expected);
  }
});

test("ZipkinEncoder writes IP addresses of every form", () => {
  const cases: [string, ZipkinSpan["remoteEndpoint"]][] = [
    ["127.0.0.1", { ipv4: "127.0.0.1" }],
    ["::ffff:127.0.0.1", { ipv4: "127.0.0.1" }],
    ["2001:db8::1", { ipv6: "2001:db8::1" }],
    ["[::1]", { ipv6: "::1" }],
    ["fe80::1%eth0", { ipv6: "fe80::1" }],
    ["256.0.0.1", { serviceName: "256.0.0.1" }],
    ["/tmp/app.sock", { serviceName: "/tmp/app.sock" }],
    ['a"b', { serviceName: 'a"b' }],
  ];
  for (const [address, expected] of cases) {
    assert.deepEqual(remoteOf(SpanKind.CLIENT, { "network.peer.address": address }), expected);
  }
});

test("ZipkinEncoder leaves out a port that is none", () => {
  for (const port of [0, 65_536, -1, 1.5, "http"]) {
    const remote = remoteOf(SpanKind.CLIENT, { "network.peer.address": "10.0.0.1", "network.peer.port": port });
    assert.deepEqual(remote, { ipv4: "10.0.0.1" });
  }
  const remote = remoteOf(SpanKind.CLIENT, { "network.peer.address": "10.0.0.1", "network.peer.port": "65535" });
  assert.deepEqual(remote, { ipv4: "10.0.0.1", port: 65_535 });
});

test("ZipkinEncoder does not take a server's own address for its peer", () => {
  const own = { "server.address": "shop.example", "net.peer.name": "x", "db.name": "y" };
  assert.equal(remoteOf(SpanKind.SERVER, own), undefined);
  const remote = remoteOf(SpanKind.SERVER, { ...own, "network.peer.address": "10.0.0.1", "network.peer.port": 4000 });
  assert.deepEqual(remote, { ipv4: "10.0.0.1", port: 4000 });
  assert.deepEqual(remoteOf(SpanKind.CONSUMER, { "server.address": "broker" }), { serviceName: "broker" });
  assert.equal(remoteOf(SpanKind.INTERNAL, { "peer.service": "x" }), undefined);
});

test("ZipkinEncoder writes attributes as strings, arrays as JSON, and leaves null out", () => {
  const {
    outcome: _,
    "otel.scope.name": __,
    "otel.scope.version": ___,
    ...tags
  } = tagsOf({
    text: "a",
    number: 1.5,
    notANumber: Number.NaN,
    yes: true,
    list: ["a", 1, null],
    map: { a: { b: [1] } },
    nothing: null,
    missing: undefined,
  });
  assert.deepEqual(tags, {
    text: "a",
    number: "1.5",
    notANumber: "NaN",
    yes: "true",
    list: '["a",1,null]',
    map: '{"a":{"b":[1]}}',
  });
});

test("ZipkinEncoder never throws, whatever an attribute holds", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const hostile = {
    get a(): string {
      throw new Error("getter");
    },
  };
  const tags = tagsOf({
    big: 12n,
    bigs: [1n],
    circular,
    bytes: new Uint8Array([1, 2, 3]),
    buffer: [Buffer.from([1, 2, 3])],
    symbol: Symbol("s"),
    date: new Date(0),
    hostile,
    nullPrototype: Object.create(null),
    invalidDate: new Date(Number.NaN),
  });
  assert.equal(tags["big"], "12");
  assert.equal(tags["bigs"], '["1"]');
  assert.equal(tags["circular"], "[unserializable]");
  assert.equal(tags["bytes"], "AQID");
  assert.equal(tags["buffer"], '["AQID"]');
  assert.equal(tags["symbol"], "Symbol(s)");
  assert.equal(tags["hostile"], "[unserializable]");
});

test("ZipkinEncoder writes a span whose attributes cannot be read without them", () => {
  const attributes = Object.defineProperty({ ok: 1 }, "bad", {
    enumerable: true,
    get() {
      throw new Error("getter");
    },
  });
  const span = encode(withFields({ attributes, name: Symbol("name"), status: { code: SpanStatusCode.ERROR } }));
  assert.equal(span.duration, 1);
  assert.deepEqual(span.tags, { outcome: "failure", "otel.status_code": "ERROR", error: "" });
});

test("ZipkinEncoder writes valid JSON for control characters, quotes and half surrogate pairs", () => {
  const strings = ["\u0000\u001f\b\t\n", 'a"b\\c', "\u2028\u2029\u007f", "😀ü漢", "/", "\ue000\uffff", "[]#!~"];
  for (const text of strings) {
    const span = encode(withFields({ name: text, attributes: { [text]: text } }));
    assert.equal(span.name, text);
    assert.equal(span.tags[text], text);
  }
  for (const half of ["\ud800", "\udfff", "a\udc00b"]) {
    assert.equal(tagsOf({ half })["half"], half.toWellFormed());
  }
});

test("ZipkinEncoder marks every span of ERROR status, with or without a message", () => {
  const failed = (message?: string): ZipkinSpan["tags"] =>
    encode(withFields({ status: { code: SpanStatusCode.ERROR, message }, attributes: { error: true } })).tags;
  assert.equal(failed("boom")["error"], "boom");
  assert.equal(failed()["error"], "");
  assert.equal(failed()["otel.status_code"], "ERROR");
  assert.equal(failed()["outcome"], "failure");
});

test("ZipkinEncoder writes otel.status_code for OK and not for UNSET", () => {
  assert.equal(encode(withFields({ status: { code: SpanStatusCode.OK } })).tags["otel.status_code"], "OK");
  assert.equal(tagsOf({})["otel.status_code"], undefined);
});

test("ZipkinEncoder drops an error attribute that says false, and keeps any other", () => {
  assert.equal("error" in tagsOf({ error: false }), false);
  assert.equal("error" in tagsOf({ error: "false" }), false);
  assert.equal(tagsOf({ error: true })["error"], "true");
});

test("ZipkinEncoder writes the outcome", () => {
  const outcome = (code: SpanStatusCode, errorType?: string): string | undefined =>
    encode(withFields({ status: { code }, attributes: { "error.type": errorType, outcome: "mine" } })).tags["outcome"];
  assert.equal(outcome(SpanStatusCode.UNSET), "success");
  assert.equal(outcome(SpanStatusCode.OK), "success");
  assert.equal(outcome(SpanStatusCode.UNSET, "404"), "success");
  assert.equal(outcome(SpanStatusCode.ERROR, "client_aborted"), "failure");
  assert.equal(outcome(SpanStatusCode.UNSET, "client_aborted"), "aborted");
  assert.equal(outcome(SpanStatusCode.UNSET, "cancelled"), "cancelled");
});

test("ZipkinEncoder never writes a tag twice", () => {
  const attributes = {
    outcome: "mine",
    "otel.status_code": "mine",
    "otel.scope.name": "mine",
    "otel.scope.version": "mine",
    "otel.link.0": "mine",
    "otel.dropped_events_count": "mine",
    "otel.other": "mine",
    error: "mine",
    "host.name": "mine",
  };
  const links = [{ context: PARENT }];
  const status = { code: SpanStatusCode.ERROR, message: "boom" };
  const json = createZipkinEncoder(RESOURCE)(withFields({ attributes, links, status, droppedEventsCount: 1 }));
  for (const key of Object.keys(attributes)) assert.equal(json.split(`${JSON.stringify(key)}:`).length, 2, key);
  const { tags } = JSON.parse(json) as ZipkinSpan;
  assert.equal(tags["otel.other"], "mine");
  assert.equal(tags["host.name"], "mine");
});

test("ZipkinEncoder writes an event as its name, and as the specification's pair when it has attributes", () => {
  const span = spanOf({
    edit(one) {
      one.addEvent("plain", 1_700_000_000_000.123);
      one.addEvent('a "name"', { key1: "value1", key2: 2 }, 1_700_000_000_001);
    },
  });
  assert.deepEqual(encode(span).annotations, [
    { timestamp: 1_700_000_000_000_123, value: "plain" },
    { timestamp: 1_700_000_000_001_000, value: '"a \\"name\\"": {"key1":"value1","key2":2}' },
  ]);
  assert.equal(encode(spanOf({})).annotations, undefined);
});

test("ZipkinEncoder keeps message and stack of an exception", () => {
  const span = spanOf({ edit: (one) => one.recordException(new RangeError("too far")) });
  const value = encode(span).annotations?.[0]?.value ?? "";
  assert.match(value, /^"exception": \{/);
  const details = JSON.parse(value.slice('"exception": '.length)) as Record<string, string>;
  assert.equal(details["exception.type"], "RangeError");
  assert.equal(details["exception.message"], "too far");
  assert.match(details["exception.stacktrace"] ?? "", /transform\.test/);
});

test("ZipkinEncoder writes links as JSON tags", () => {
  const span = spanOf({ edit: (one) => one.addLink({ context: PARENT, attributes: { a: 1 } }) });
  const link = JSON.parse(encode(span).tags["otel.link.0"] ?? "") as unknown;
  assert.deepEqual(link, { traceId: PARENT.traceId, spanId: PARENT.spanId, attributes: { a: 1 } });
});

test("ZipkinEncoder writes how many attributes, events and links were dropped, when any were", () => {
  const counts = { droppedAttributesCount: 1, droppedEventsCount: 2, droppedLinksCount: 3 };
  const { tags } = encode(withFields(counts));
  assert.equal(tags["otel.dropped_attributes_count"], "1");
  assert.equal(tags["otel.dropped_events_count"], "2");
  assert.equal(tags["otel.dropped_links_count"], "3");
  assert.equal(
    Object.keys(tagsOf({})).some((key) => key.startsWith("otel.dropped")),
    false,
  );
});

test("ZipkinEncoder writes resource attributes on entry spans only, and never over a span's own", () => {
  assert.equal(encode(spanOf({ parent: "none" })).tags["host.name"], "box");
  assert.equal(encode(spanOf({ parent: "remote" })).tags["host.name"], "box");
  assert.equal(encode(spanOf({ parent: "local" })).tags["host.name"], undefined);
  const { tags } = encode(spanOf({ parent: "none", attributes: { "host.name": "other" } }));
  assert.equal(tags["host.name"], "other");
  assert.equal(tags["telemetry.sdk.language"], undefined, "what helps nobody who looks at one trace is left out");
});

test("ZipkinEncoder stays right when traffic brings more keys and addresses than it remembers", () => {
  for (let i = 0; i < 2_500; i++) {
    const attributes = { [`key-${i}`]: "v", error: false, "peer.address": `host-${i}` };
    const span = encode(withFields({ kind: SpanKind.CLIENT, attributes }));
    assert.equal(span.tags[`key-${i}`], "v");
    assert.equal("error" in span.tags, false);
    assert.equal(span.remoteEndpoint?.serviceName, `host-${i}`);
  }
});
