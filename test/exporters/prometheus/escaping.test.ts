import assert from "node:assert/strict";
import test from "node:test";
import {
  cleanText,
  escapeName,
  isLegacyLabelName,
  isLegacyMetricName,
} from "../../../src/exporters/prometheus/escaping.ts";
import type { Escaping } from "../../../src/exporters/prometheus/format.ts";

/** The first of each are the examples of https://prometheus.io/docs/instrumenting/escaping_schemes/ */
const metricNames: readonly (readonly [Escaping, string, string])[] = [
  ["underscores", "metric.name/with/slashes", "metric_name_with_slashes"],
  ["underscores", "legal_name:1", "legal_name:1"],
  ["underscores", "9lives", "_lives"],
  ["underscores", "a😀b", "a_b"],
  ["underscores", "中国", "__"],
  ["dots", "metric.name.with.dots", "metric_dot_name_dot_with_dot_dots"],
  ["dots", "legal_name", "legal__name"],
  ["dots", "a/b", "a__b"],
  ["dots", "9lives", "__lives"],
  ["values", "metric.name", "U__metric_2E_name"],
  ["values", "legal_name", "legal_name"],
  ["values", "a_b.c", "U__a__b_2E_c"],
  ["values", "a😀", "U__a_1F600_"],
  ["values", "9x", "U___39_x"],
  ["values", "\ud800", "U___FFFD_"],
  ["values", "\0", "U___FFFD_"],
  ["allow-utf-8", "metric.name", "metric.name"],
  ["allow-utf-8", "中 😀", "中 😀"],
  ["allow-utf-8", "a\ud800b", "a\ufffdb"],
  ["allow-utf-8", "a\0b", "a\ufffdb"],
  ["dots", "", ""],
  ["values", "", ""],
  ["underscores", "", ""],
];
for (const [escaping, name, expected] of metricNames) {
  test(`escapeName of metric ${JSON.stringify(name)} in ${escaping} is ${expected}`, () =>
    assert.equal(escapeName(name, escaping, false), expected));
}

for (const [escaping, name, expected] of [
  ["underscores", "a:b", "a_b"],
  ["dots", "a:b.c", "a__b_dot_c"],
  ["values", "a:b", "U__a_3A_b"],
  ["allow-utf-8", "a:b", "a:b"],
] as const) {
  test(`escapeName of label ${name} in ${escaping} is ${expected}: labels may have no colon`, () =>
    assert.equal(escapeName(name, escaping, true), expected));
}

test("Legacy names are letters, digits and underscores; a metric's may have colons", () => {
  assert.deepEqual(["a", "_", "a1", ":", "a:b"].map(isLegacyMetricName), [true, true, true, true, true]);
  assert.deepEqual(["", "1a", "a.b", "é", "a\n"].map(isLegacyMetricName), [false, false, false, false, false]);
  assert.deepEqual(["a", "_a1"].map(isLegacyLabelName), [true, true]);
  assert.deepEqual(["", "1a", "a:b", "é", "a\n"].map(isLegacyLabelName), [false, false, false, false, false]);
});

test("cleanText mends what is no Unicode, and what Prometheus takes for the end", () =>
  assert.equal(cleanText("a\ud800b\0c\udfff 😀"), "a\ufffdb\ufffdc\ufffd 😀"));
