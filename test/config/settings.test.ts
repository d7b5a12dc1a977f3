import assert from "node:assert/strict";
import test from "node:test";
import { parseSetting } from "../../src/config/parse.ts";
import { SETTINGS, SETTING_GROUPS } from "../../src/config/settings.ts";
import { suggest } from "../../src/config/suggest.ts";

const rows = SETTING_GROUPS.flatMap(({ settings }) => settings);

test("Every setting has a name of its own and a sentence that says what it means", () => {
  assert.equal(SETTINGS.size, rows.length);
  for (const { name, doc } of rows) {
    assert.match(name, /^(OTEL|REDTRAIL)_[A-Z0-9_]+$/);
    assert.match(doc, /\.$/, name);
  }
});

test("Every default is a value that its own parser takes", () => {
  for (const row of rows) {
    if (row.default === undefined || row.default === "all") continue;
    assert.deepEqual(parseSetting(row, row.default).problems, [], row.name);
  }
});

for (const [word, expected] of [
  ["OTEL_TRACES_SAMLPER", "OTEL_TRACES_SAMPLER"],
  ["OTEL_TRACE_SAMPLER", "OTEL_TRACES_SAMPLER"],
  ["OTEL_SERVICENAME", "OTEL_SERVICE_NAME"],
  ["OTEL_SOMETHING_ELSE", undefined],
] as const) {
  test(`suggest("${word}") is ${expected}`, () => assert.equal(suggest(word, SETTINGS.keys()), expected));
}
