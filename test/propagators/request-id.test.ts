import assert from "node:assert/strict";
import test from "node:test";
import {
  ROOT_CONTEXT,
  type TextMapGetter,
  defaultTextMapGetter,
  defaultTextMapSetter,
  trace,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { RequestIdFormat } from "../../src/config/config.ts";
import { getRequestId, setRequestId } from "../../src/context/request-id.ts";
import { REQUEST_ID_GENERATORS, validRequestId } from "../../src/propagators/request-id-format.ts";
import { RequestIdPropagator } from "../../src/propagators/request-id.ts";

const propagator = new RequestIdPropagator();

function extracted(value: string | string[] | undefined, format?: RequestIdFormat): string | undefined {
  const subject = format === undefined ? propagator : new RequestIdPropagator({ format });
  const carrier = value === undefined ? {} : { "x-request-id": value };
  return getRequestId(subject.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter as TextMapGetter<object>));
}

for (const [what, id] of [
  ["a UUID", "7b0d6f3a-6c1e-4b7d-9a9c-0d5c1e2f3a4b"],
  ["a UUID whose version an Envoy has rewritten", "7b0d6f3a-6c1e-9b7d-9a9c-0d5c1e2f3a4b"],
  ["32 hex digits", "0af7651916cd43dd8448eb211c80319c"],
  ["an AWS root id", "Root=1-67891233-abcdef012345678912345678"],
  ["base64", "YWJj+/8="],
  ["one character", "a"],
  ["128 characters", "a".repeat(128)],
] as const) {
  test(`RequestIdPropagator.extract takes ${what}`, () => assert.equal(extracted(id), id));
}

for (const [what, id] of [
  ["129 characters", "a".repeat(129)],
  ["an empty value", ""],
  ["a space within", "a b"],
  ["a tab", "a\tb"],
  ["markup", "<script>"],
  ["quotes", 'a"b'],
  ["a line break", "a\r\nSet-Cookie: x"],
  ["characters beyond ASCII", "idé"],
] as const) {
  test(`RequestIdPropagator.extract replaces ${what}, and keeps nothing of it`, () => {
    const made = extracted(id);
    assert.match(made ?? "", /^[0-9a-f-]{36}$/);
  });
}

test("RequestIdPropagator.extract takes the first valid id of a header that came twice", () => {
  assert.equal(extracted("<bad>, good-1, good-2"), "good-1");
  assert.equal(extracted(["first", "second"]), "first");
});

test("RequestIdPropagator.extract keeps the context's id when the carrier has none, and lets the carrier's win", () => {
  const context = setRequestId(ROOT_CONTEXT, "ambient");
  assert.equal(getRequestId(propagator.extract(context, {}, defaultTextMapGetter)), "ambient");
  assert.equal(getRequestId(propagator.extract(context, { "x-request-id": "given" }, defaultTextMapGetter)), "given");
});

test("RequestIdPropagator.extract in format traceid takes the id of a trace that came in, and makes none of its own", () => {
  const remote = trace.setSpanContext(ROOT_CONTEXT, {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
  });
  const subject = new RequestIdPropagator({ format: "traceid" });
  assert.equal(getRequestId(subject.extract(remote, {}, defaultTextMapGetter)), "0af7651916cd43dd8448eb211c80319c");
  assert.equal(getRequestId(subject.extract(ROOT_CONTEXT, {}, defaultTextMapGetter)), undefined);
});

test("RequestIdPropagator.inject writes the context's id, and makes none where there is none", () => {
  const carrier: Record<string, string> = {};
  propagator.inject(ROOT_CONTEXT, carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, {});
  propagator.inject(setRequestId(ROOT_CONTEXT, "id-1"), carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, { "x-request-id": "id-1" });
});

test("RequestIdPropagator.inject leaves an id that the app has set, whatever the case of its key", () => {
  const carrier = { "X-Request-ID": "the-apps-own" };
  propagator.inject(setRequestId(ROOT_CONTEXT, "id-1"), carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, { "X-Request-ID": "the-apps-own" });
});

test("RequestIdPropagator.inject writes nothing into a call whose tracing is suppressed", () => {
  const carrier = {};
  propagator.inject(suppressTracing(setRequestId(ROOT_CONTEXT, "id-1")), carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, {});
});

const FORMATS = {
  uuid7: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  uuid4: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  hex32: /^[0-9a-f]{32}$/,
};
for (const [format, pattern] of Object.entries(FORMATS)) {
  test(`The generator ${format} makes well-formed ids, all different and valid to the next service`, () => {
    const generate = REQUEST_ID_GENERATORS[format as RequestIdFormat] as () => string;
    const ids = Array.from({ length: 5_000 }, generate);
    for (const id of ids) {
      assert.match(id, pattern);
      assert.equal(validRequestId(id), id);
    }
    assert.equal(new Set(ids).size, ids.length);
  });
}

test("The generator uuid7 begins with the time in milliseconds, so that ids sort by age", () => {
  const before = Date.now();
  const id = (REQUEST_ID_GENERATORS.uuid7 as () => string)();
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  assert.ok(time >= before && time <= Date.now());
});
