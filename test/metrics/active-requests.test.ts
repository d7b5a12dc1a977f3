import assert from "node:assert/strict";
import test from "node:test";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { ActiveRequests } from "../../src/metrics/active-requests.ts";
import { GET_USER, span } from "./span.ts";

function points(active: ActiveRequests): [Attributes, number][] {
  return active.registry.all.map(({ attributes, value }) => [attributes, value]);
}

test("ActiveRequests counts by method and scheme, of both conventions", () => {
  const active = new ActiveRequests();
  active.start(span());
  active.start(span({ attributes: { "http.method": "GET", "http.scheme": "http" } }));
  active.start(span({ attributes: { "http.request.method": "POST", "url.scheme": "https" } }));
  active.start(span({ attributes: { "http.request.method": "PURGE" } }));
  assert.deepEqual(points(active), [
    [{ "http.request.method": "GET", "url.scheme": "http" }, 2],
    [{ "http.request.method": "POST", "url.scheme": "https" }, 1],
    [{ "http.request.method": "_OTHER" }, 1],
  ]);
});

for (const [title, options] of [
  ["a CLIENT span", { kind: SpanKind.CLIENT }],
  ["a SERVER span that is not HTTP", { attributes: { "rpc.system": "grpc" } }],
] as const) {
  test(`ActiveRequests leaves out ${title}`, () => {
    const active = new ActiveRequests();
    const one = span(options);
    active.start(one);
    active.end(one);
    assert.deepEqual(points(active), []);
  });
}

for (const [title, changed] of [
  ["scheme", { "url.scheme": "https" }],
  ["method", { "http.request.method": "POST" }],
  ["method to none", { "http.request.method": undefined }],
] as const) {
  test(`ActiveRequests counts down where it counted up when a request's ${title} changes`, () => {
    const active = new ActiveRequests();
    const one = span({ attributes: { ...GET_USER } });
    active.start(one);
    Object.assign(one.attributes, changed);
    active.end(one);
    assert.deepEqual(points(active), [[{ "http.request.method": "GET", "url.scheme": "http" }, 0]]);
  });
}

test("ActiveRequests is bounded under a flood of schemes and methods, and comes back to zero", () => {
  const active = new ActiveRequests();
  const spans = Array.from({ length: 10_000 }, (_, i) =>
    span({ attributes: { "http.request.method": `M${i % 300}`, "url.scheme": `s${i}` } }),
  );
  for (const one of spans) active.start(one);
  assert.equal(points(active).length, 9);
  assert.equal(
    points(active).reduce((sum, [, value]) => sum + value, 0),
    10_000,
  );
  for (const one of spans) active.end(one);
  for (const [, value] of points(active)) assert.equal(value, 0);
});

test("ActiveRequests counts each of many in turn exactly", () => {
  const active = new ActiveRequests();
  const started = ["GET", "POST", "GET", "PURGE", "GET"].map((method, i) =>
    span({ attributes: { "http.request.method": method, "url.scheme": i % 2 === 0 ? "http" : "https" } }),
  );
  for (const one of started) active.start(one);
  for (const one of started.slice(1)) active.end(one);
  assert.deepEqual(
    points(active).map(([, value]) => value),
    [1, 0, 0],
  );
});
