import assert from "node:assert/strict";
import test from "node:test";
import { SETTINGS } from "../../src/config/settings.ts";
import { suggest } from "../../src/config/suggest.ts";

const EXPORTERS = ["zipkin", "otlp", "console", "none"];

const words: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ["OTEL_TRACES_SAMLPER", [...SETTINGS.keys()], "OTEL_TRACES_SAMPLER"],
  ["OTEL_TRACE_SAMPLER", [...SETTINGS.keys()], "OTEL_TRACES_SAMPLER"],
  ["OTEL_SERVICENAME", [...SETTINGS.keys()], "OTEL_SERVICE_NAME"],
  ["OTEL_SOMETHING_ELSE", [...SETTINGS.keys()], undefined],
  // Up to five letters: one edit, and a swap of neighbours is one.
  ["oltp", EXPORTERS, "otlp"],
  ["otl", EXPORTERS, "otlp"],
  ["notlps", EXPORTERS, "otlp"],
  ["ot", EXPORTERS, undefined],
  ["oxxp", EXPORTERS, undefined],
  // Longer ones: two.
  ["ziipkiin", EXPORTERS, "zipkin"],
  ["zapkan", EXPORTERS, "zipkin"],
  ["zapkam", EXPORTERS, undefined],
  ["ZIPKN", EXPORTERS, "zipkin"],
  ["", EXPORTERS, undefined],
  ["zipkin", [], undefined],
];
for (const [word, known, expected] of words) {
  test(`suggest("${word}") among ${known.length} words is ${expected}`, () =>
    assert.equal(suggest(word, known), expected));
}

test("suggest prefers the nearest word, and the first of two that are as near", () => {
  assert.equal(suggest("metrics", ["matrics", "metrics2", "metricss"]), "matrics");
  assert.equal(suggest("consoles", ["consul", "console"]), "console");
});
