import assert from "node:assert/strict";
import test from "node:test";
import type { Escaping } from "../../../src/exporters/prometheus/format.ts";
import { type FamilyType, type TranslationStrategy, createNaming } from "../../../src/exporters/prometheus/names.ts";

const DEFAULT = "underscoreescapingwithsuffixes";

const metrics: readonly (readonly [string, string, FamilyType, string])[] = [
  ["http.server.request.duration", "s", "histogram", "http_server_request_duration_seconds"],
  ["traces.span.metrics.calls", "{call}", "counter", "traces_span_metrics_calls_total"],
  ["http.server.active_requests", "{request}", "gauge", "http_server_active_requests"],
  ["jobs_total", "", "counter", "jobs_total"],
  ["jobs.total", "s", "counter", "jobs_seconds_total"],
  ["jobs_total", "", "gauge", "jobs_total"],
  ["total", "", "counter", "total_total"],
  ["sent.bytes", "By", "counter", "sent_bytes_total"],
  ["cache.hit", "1", "gauge", "cache_hit_ratio"],
  ["cache.hit.ratio", "1", "gauge", "cache_hit_ratio"],
  ["cache.hit", "1", "counter", "cache_hit_total"],
  ["cache.hit", "1", "histogram", "cache_hit"],
  ["cpu.utilization", "%", "gauge", "cpu_utilization_percent"],
  ["net.io", "By/s", "gauge", "net_io_bytes_per_second"],
  ["rows", "{row}/s", "gauge", "rows_per_second"],
  ["rows", "{row}/{batch}", "gauge", "rows"],
  ["speed", "m/s", "gauge", "speed_meters_per_second"],
  ["flow", "By/m", "gauge", "flow_bytes_per_minute"],
  ["flow", "By/min", "gauge", "flow_bytes_per_minute"],
  ["flow", "By/w", "gauge", "flow_bytes_per_week"],
  ["flow", "By/mo", "gauge", "flow_bytes_per_month"],
  ["flow", "By/y", "gauge", "flow_bytes_per_year"],
  ["9lives", "", "gauge", "_9lives"],
  ["9lives", "s", "counter", "_9lives_seconds_total"],
  ["a..b__c-d", "", "gauge", "a_b_c_d"],
  ["grüße", "°C", "gauge", "gr_e_C"],
  ["duration.seconds", "s", "gauge", "duration_seconds"],
  ["seconds.since.boot", "s", "gauge", "seconds_since_boot"],
  ["milliseconds", "s", "gauge", "milliseconds_seconds"],
  ["", "", "gauge", "_"],
  ["中国", "", "gauge", "_"],
  [":ns:jobs", "", "gauge", ":ns:jobs"],
  ["rate", "1/s", "gauge", "rate_per_second"],
  ["cost.per.user", "{row}/s", "gauge", "cost_per_user_per_second"],
  ["net.bytes.per.second", "By/s", "gauge", "net_bytes_per_second"],
  ["disk.foo.bar", "foo.bar", "gauge", "disk_foo_bar"],
  ["built", "constructor", "gauge", "built_constructor"],
  ["built", "__proto__", "gauge", "built_proto"],
  ["lone\ud800surrogate", "\udfff", "gauge", "lone_surrogate"],
  ['q"uo\\te\n', '"', "gauge", "q_uo_te"],
];
for (const [name, unit, type, expected] of metrics) {
  test(`familyName of ${type} ${JSON.stringify(name)} in ${JSON.stringify(unit)} is ${expected}`, () =>
    assert.equal(createNaming(DEFAULT, "underscores").familyName(name, unit, type).sample, expected));
}

/** Of `http.server.duration` in s: as a counter, a gauge, a histogram. */
const strategies: readonly (readonly [TranslationStrategy, Escaping, string, string, string])[] = [
  [DEFAULT, "allow-utf-8", "http_server_duration_seconds_total", "http_server_duration_seconds", "http_request_method"],
  [DEFAULT, "values", "http_server_duration_seconds_total", "http_server_duration_seconds", "http_request_method"],
  [
    "underscoreescapingwithoutsuffixes",
    "allow-utf-8",
    "http_server_duration",
    "http_server_duration",
    "http_request_method",
  ],
  [
    "noutf8escapingwithsuffixes",
    "allow-utf-8",
    "http.server.duration_seconds_total",
    "http.server.duration_seconds",
    "http.request.method",
  ],
  [
    "noutf8escapingwithsuffixes",
    "underscores",
    "http_server_duration_seconds_total",
    "http_server_duration_seconds",
    "http_request_method",
  ],
  [
    "noutf8escapingwithsuffixes",
    "dots",
    "http_dot_server_dot_duration__seconds__total",
    "http_dot_server_dot_duration__seconds",
    "http_dot_request_dot_method",
  ],
  [
    "noutf8escapingwithsuffixes",
    "values",
    "U__http_2E_server_2E_duration__seconds__total",
    "U__http_2E_server_2E_duration__seconds",
    "U__http_2E_request_2E_method",
  ],
  ["notranslation", "allow-utf-8", "http.server.duration", "http.server.duration", "http.request.method"],
  ["notranslation", "underscores", "http_server_duration", "http_server_duration", "http_request_method"],
];
for (const [strategy, escaping, counter, other, label] of strategies) {
  test(`Names by ${strategy} in ${escaping} are ${counter}, ${other}, ${label}`, () => {
    const naming = createNaming(strategy, escaping);
    const sample = (type: FamilyType): string => naming.familyName("http.server.duration", "s", type).sample;
    assert.deepEqual([sample("counter"), sample("gauge"), sample("histogram")], [counter, other, other]);
    assert.equal(naming.labelName("http.request.method"), label);
  });
}

/** A family's name in OpenMetrics and its unit, for names whose samples are these. */
const openMetrics: readonly (readonly [string, string, FamilyType, TranslationStrategy, Escaping, string, string])[] = [
  ["jobs", "s", "counter", DEFAULT, "underscores", "jobs_seconds", "seconds"],
  ["jobs", "", "counter", DEFAULT, "underscores", "jobs", ""],
  ["net.io", "By/s", "gauge", DEFAULT, "underscores", "net_io_bytes_per_second", "bytes_per_second"],
  ["seconds.since.boot", "s", "gauge", DEFAULT, "underscores", "seconds_since_boot", ""],
  // UNIT is allowed only where it is a suffix, with an underscore before it.
  ["seconds", "s", "gauge", DEFAULT, "underscores", "seconds", ""],
  ["foo.seconds", "s", "gauge", DEFAULT, "underscores", "foo_seconds", "seconds"],
  ["foo.seconds", "s", "gauge", "noutf8escapingwithsuffixes", "allow-utf-8", "foo.seconds", ""],
  ["foo.seconds", "s", "gauge", "noutf8escapingwithsuffixes", "underscores", "foo_seconds", "seconds"],
  ["foo", "s", "gauge", "noutf8escapingwithsuffixes", "allow-utf-8", "foo_seconds", "seconds"],
  ["foo.x", "By/s", "gauge", "noutf8escapingwithsuffixes", "values", "U__foo_2E_x__bytes__per__second", ""],
  [
    "foo.x",
    "By/s",
    "gauge",
    "noutf8escapingwithsuffixes",
    "dots",
    "foo_dot_x__bytes__per__second",
    "bytes__per__second",
  ],
  // A counter's samples are the family's name and `_total`, whatever escaping makes of that.
  ["jobs", "", "counter", "noutf8escapingwithsuffixes", "dots", "jobs_", ""],
  ["x.jobs", "", "counter", "noutf8escapingwithsuffixes", "values", "U__x_2E_jobs_", ""],
  ["jobs", "s", "counter", "underscoreescapingwithoutsuffixes", "underscores", "jobs", ""],
  ["jobs", "s", "counter", "notranslation", "underscores", "jobs", ""],
];
for (const [name, unit, type, strategy, escaping, base, word] of openMetrics) {
  test(`OpenMetrics' name of ${type} "${name}" in "${unit}" by ${strategy}, ${escaping} is ${base}, its unit "${word}"`, () => {
    const found = createNaming(strategy, escaping).familyName(name, unit, type);
    assert.deepEqual({ base: found.base, unit: found.unit }, { base, unit: word });
    const isTotal = type === "counter" && strategy.endsWith("withsuffixes");
    assert.equal(found.sample, isTotal ? `${base}_total` : base);
  });
}

for (const [key, expected] of [
  ["http.route", "http_route"],
  ["le", "exported_le"],
  ["quantile", "exported_quantile"],
  ["__name__", "exported_name_"],
  ["__x", "exported_x"],
  ["..x", "_x"],
  ["0bad", "key_0bad"],
  ["", "exported_"],
  ["ключ", "_"],
  ["a..b", "a_b"],
  ["a__b", "a_b"],
  ["constructor", "constructor"],
  ["\ud800", "_"],
] as const) {
  test(`labelName(${JSON.stringify(key)}) is ${expected}`, () =>
    assert.equal(createNaming(DEFAULT, "underscores").labelName(key), expected));
}

test("labelName gives no reserved name in any escaping", () => {
  const keys = ["__x", "..x", "_x", ".x", "le", "quantile", "__name__", "", "__", "..", "l.e", "\ud800\ud800x"];
  for (const escaping of ["underscores", "allow-utf-8", "dots", "values"] as const) {
    for (const strategy of ["noutf8escapingwithsuffixes", "notranslation", DEFAULT] as const) {
      for (const key of keys) {
        const name = createNaming(strategy, escaping).labelName(key);
        assert.doesNotMatch(name, /^(__.*|le|quantile|)$/, `${strategy} ${escaping} ${key}`);
        assert.ok(name.isWellFormed());
        if (escaping !== "allow-utf-8") assert.match(name, /^[a-zA-Z_]\w*$/);
      }
    }
  }
});

test("Names beyond those that are remembered are made anew, and right", () => {
  const naming = createNaming(DEFAULT, "underscores");
  for (let i = 0; i < 10_001; i++) naming.labelName(`key.${i}`);
  assert.equal(naming.labelName("key.0"), "key_0");
  assert.equal(naming.labelName("key.10000"), "key_10000");
});
