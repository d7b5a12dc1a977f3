import assert from "node:assert/strict";
import test from "node:test";
import { acceptsGzip, negotiate } from "../../../src/exporters/prometheus/negotiate.ts";

const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
const OPENMETRICS_1 = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OPENMETRICS_0 = "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores";
const TEXT_1 = "text/plain; version=1.0.0; charset=utf-8";
const TEXT_0 = "text/plain; version=0.0.4; charset=utf-8";

const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=0.0.1;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
const PROMETHEUS_3_NATIVE =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_2_NATIVE =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const rows: readonly (readonly [name: string, accept: string | undefined, contentType: string])[] = [
  ["no header", undefined, TEXT_0],
  ["a blank header", "  ", TEXT_0],
  ["anything", "*/*", TEXT_0],
  ["any text", "text/*", TEXT_0],
  ["any application type", "application/*", TEXT_0],
  ["nothing of ours", "image/png", TEXT_0],
  ["a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_0],

  ["Prometheus 3.16", PROMETHEUS_3, `${OPENMETRICS_1}; escaping=allow-utf-8`],
  ["Prometheus 3.16 with native histograms", PROMETHEUS_3_NATIVE, `${PROTOBUF}; escaping=allow-utf-8`],
  [
    "Prometheus 3.16 with legacy names",
    PROMETHEUS_3.replaceAll("allow-utf-8", "underscores"),
    `${OPENMETRICS_1}; escaping=underscores`,
  ],
  ["Prometheus 2.42", PROMETHEUS_2, `${OPENMETRICS_1}; escaping=underscores`],
  ["Prometheus 2.42 with native histograms", PROMETHEUS_2_NATIVE, `${PROTOBUF}; escaping=underscores`],

  ["OpenMetrics of no version", "application/openmetrics-text", OPENMETRICS_0],
  [
    "OpenMetrics 0.0.1 knows underscores only",
    "application/openmetrics-text;version=0.0.1;escaping=dots",
    OPENMETRICS_0,
  ],
  ["OpenMetrics of an unknown version", "application/openmetrics-text;version=2.0.0", TEXT_0],
  [
    "an unknown version before a known one",
    "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
    `${OPENMETRICS_1}; escaping=underscores`,
  ],
  ["text of no version", "text/plain", TEXT_0],
  ["text 0.0.4", "text/plain;version=0.0.4", TEXT_0],
  [
    "text 0.0.4 is told what it gets",
    "text/plain;version=0.0.4;escaping=allow-utf-8",
    `${TEXT_0}; escaping=underscores`,
  ],
  ["text 1.0.0", "text/plain;version=1.0.0", `${TEXT_1}; escaping=underscores`],
  ["text of an unknown version", "text/plain;version=1.0.1,application/openmetrics-text;q=0.1", OPENMETRICS_0],
  ["protobuf in text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT_0],
  ["another protobuf", "application/vnd.google.protobuf;proto=a.B;encoding=delimited", TEXT_0],
  ["protobuf without parameters", "application/vnd.google.protobuf", TEXT_0],

  ["escaping dots", "text/plain;version=1.0.0;escaping=dots", `${TEXT_1}; escaping=dots`],
  ["escaping values", "text/plain;version=1.0.0;escaping=values", `${TEXT_1}; escaping=values`],
  ["escaping allow-utf-8", "text/plain;version=1.0.0;escaping=allow-utf-8", `${TEXT_1}; escaping=allow-utf-8`],
  ["an unknown escaping", "text/plain;version=1.0.0;escaping=other", `${TEXT_1}; escaping=underscores`],
  [
    "an escaping of another range",
    "text/plain;version=1.0.0,*/*;escaping=dots;q=0.1",
    `${TEXT_1}; escaping=underscores`,
  ],

  [
    "parameters in any order, case and spacing",
    '  Application/OpenMetrics-Text ; Q = 0.9;\tESCAPING= Dots ;Version="1.0.0" , text/plain;q=0.8',
    `${OPENMETRICS_1}; escaping=dots`,
  ],
  ["separators in quotes", 'text/plain;x=",;\\",";version=1.0.0', `${TEXT_1}; escaping=underscores`],
  ["empty elements", ",,;, text/plain;;version=1.0.0;", `${TEXT_1}; escaping=underscores`],

  ["the higher q", "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.501", OPENMETRICS_0],
  ["equal q: the first", "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.5", OPENMETRICS_0],
  ["equal q: the first, the other way round", "text/plain;q=0.5,application/openmetrics-text;q=0.5", TEXT_0],
  ["equal q: a name before a wildcard", "*/*,text/*,application/openmetrics-text", OPENMETRICS_0],
  ["a wildcard with the higher q", "application/openmetrics-text;q=0.5,*/*;q=0.6", TEXT_0],
  ["any application type is no wish for text", "application/*,application/openmetrics-text;q=0.1", OPENMETRICS_0],
  ["q=0", "application/openmetrics-text;q=0", TEXT_0],
  ["q=0.000", "application/openmetrics-text;version=1.0.0;q=0.000,application/openmetrics-text;q=0.001", OPENMETRICS_0],
  [
    "what q=0 refuses, a wider range does not bring back",
    "text/plain;version=0.0.4;q=0,text/*,application/openmetrics-text;q=0.1",
    OPENMETRICS_0,
  ],
  ["all refused", "*/*;q=0", TEXT_0],
  ["a q above 1 is 1", "text/plain;version=1.0.0,application/openmetrics-text;q=5", `${TEXT_1}; escaping=underscores`],
  ["a q that is none is 1", "text/plain;q=0.9,application/openmetrics-text;q=-", OPENMETRICS_0],

  ["the 32nd range is the last looked at", "a/b,".repeat(31) + "application/openmetrics-text", OPENMETRICS_0],
  ["the 33rd range is not", "a/b,".repeat(32) + "application/openmetrics-text", TEXT_0],
  [
    "the 16th parameter is the last looked at",
    "text/plain" + ";a=b".repeat(15) + ";version=1.0.0",
    `${TEXT_1}; escaping=underscores`,
  ],
  ["the 17th parameter is not", "text/plain" + ";a=b".repeat(16) + ";version=1.0.0", TEXT_0],
];

for (const [name, accept, contentType] of rows) {
  test(`negotiate answers ${name}`, () => {
    const format = negotiate(accept);
    assert.equal(format.contentType, contentType);
    const syntax = /^(?:text\/plain|application\/(?:openmetrics|vnd.google.(?=proto)))/.exec(contentType)?.[0];
    const expected = { "text/plain": "text", "application/openmetrics": "openmetrics" }[String(syntax)] ?? "protobuf";
    assert.equal(format.syntax, expected);
    assert.equal(format.escaping, /escaping=(.*)/.exec(contentType)?.[1] ?? "underscores");
    // Also from its memory.
    assert.deepEqual(negotiate(accept), format);
  });
}

test("negotiate is cheap for 8 KiB of junk", () => {
  for (const junk of [
    ",",
    ";",
    "=",
    '"',
    "\\",
    " ",
    "a",
    "a;",
    "q=0.",
    "*/*,",
    'a/b;c="\\",',
    "text/plain;q=0",
    "\t,\t",
  ]) {
    const header = junk.repeat(Math.ceil(8192 / junk.length));
    const start = performance.now();
    for (let i = 0; i < 20; i++) {
      assert.match(negotiate(`${header}${i}`).contentType, /^text\/plain/);
      acceptsGzip(header);
    }
    // 40 calls; quadratic work would be seconds.
    assert.ok(performance.now() - start < 500, JSON.stringify(junk));
  }
});

test("acceptsGzip reads weights, wildcards and the old name", () => {
  for (const [header, expected] of [
    [undefined, false],
    ["", false],
    ["identity", false],
    ["gzip", true],
    ["GZip", true],
    ["x-gzip", true],
    ["deflate, gzip;q=0.5", true],
    ["gzip ; q=0.001", true],
    ["gzip;q=0", false],
    ["gzip; Q=0.000", false],
    ["*", true],
    ["*;q=0", false],
    ["*, gzip;q=0", false],
    ["gzip, *;q=0", true],
    ["gzipped", false],
    ["br, zstd", false],
  ] as const) {
    assert.equal(acceptsGzip(header), expected, header);
  }
  assert.equal(acceptsGzip(["br", "gzip"]), true);
});
