import assert from "node:assert/strict";
import test from "node:test";
import {
  type FamilyType,
  labelName,
  labelSet,
  metricName,
  numberText,
} from "../../../src/exporters/prometheus/names.ts";

const metrics: readonly (readonly [string, string, FamilyType, string])[] = [
  ["http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds"],
  ["traces.span.metrics.calls", "{call}", "counter", "traces_span_metrics_calls_total"],
  ["http.server.active_requests", "{request}", "gauge", "http_server_active_requests"],
  ["jobs_total", "", "counter", "jobs_total"],
  ["sent.bytes", "By", "counter", "sent_bytes_total"],
  ["cache.hit", "1", "gauge", "cache_hit_ratio"],
  ["cache.hit", "1", "counter", "cache_hit_total"],
  ["net.io", "By/s", "gauge", "net_io_bytes_per_second"],
  ["rows", "{row}/s", "gauge", "rows_per_second"],
  ["9lives", "", "gauge", "_9lives"],
  ["a..b__c-d", "", "gauge", "a_b_c_d"],
  ["grüße", "°C", "gauge", "gr_e_C"],
  ["duration.seconds", "s", "gauge", "duration_seconds"],
  ["", "", "gauge", "_"],
  ["rate", "1/s", "gauge", "rate_per_second"],
  ["cost.per.user", "{row}/s", "gauge", "cost_per_user_per_second"],
  ["net.bytes.per.second", "By/s", "gauge", "net_bytes_per_second"],
  ["disk.foo.bar", "foo.bar", "gauge", "disk_foo_bar"],
  ["built", "constructor", "gauge", "built_constructor"],
];
for (const [name, unit, type, expected] of metrics) {
  test(`metricName of ${type} "${name}" in "${unit}" is ${expected}`, () =>
    assert.equal(metricName(name, unit, type), expected));
}

for (const [key, expected] of [
  ["http.route", "http_route"],
  ["le", "exported_le"],
  ["quantile", "exported_quantile"],
  ["__name__", "exported__name__"],
  ["0bad", "key_0bad"],
  ["", "exported_"],
  ["ключ", "exported____"],
] as const) {
  test(`labelName("${key}") is ${expected}`, () => assert.equal(labelName(key), expected));
}

test("labelSet joins the values of keys that become one name, in the order of the keys", () => {
  assert.equal(labelSet({ a_b: "2", "a.b": "1", c: "x" }), 'a_b="1;2",c="x"');
  assert.equal(
    labelSet({ otel_scope_name: "ours" }, { otel_scope_name: "the app's" }),
    `otel_scope_name="ours;the app's"`,
  );
});

test("labelSet gives one text to what is one series to Prometheus", () => {
  assert.equal(labelSet({ "a.b": "1", a_a: "2" }), labelSet({ a_b: "1", "a.a": "2" }));
  assert.equal(labelSet({ a: "1", empty: "" }), labelSet({ a: "1" }));
});

test("labelSet escapes what the format minds, and mends what is not Unicode", () => {
  assert.equal(
    labelSet({ a: 'back\\slash "quote"\nline', b: "lone \ud800 surrogate" }),
    'a="back\\\\slash \\"quote\\"\\nline",b="lone \ufffd surrogate"',
  );
});

test("labelSet writes values that are no strings, and throws at none", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const untold = Object.assign(() => {}, { toString: () => assert.fail() });
  const hostile = { a: 1, b: true, c: ["x", 2], d: undefined, e: null, f: 10n, g: circular, h: untold } as never;
  assert.equal(labelSet(hostile), 'a="1",b="true",c="[\\"x\\",2]",f="10",g="[object Array]",h="[object Function]"');
});

test("numberText throws at what is no number", () => {
  for (const value of [undefined, null, "1", {}]) assert.throws(() => numberText(value as never), TypeError);
});

test("numberText writes infinities as Prometheus does", () => {
  assert.deepEqual([Infinity, -Infinity, Number.NaN, 0, 1e21, 0.1].map(numberText), [
    "+Inf",
    "-Inf",
    "NaN",
    "0",
    "1e+21",
    "0.1",
  ]);
});
