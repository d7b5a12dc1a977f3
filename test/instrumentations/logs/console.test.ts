import assert from "node:assert/strict";
import { test } from "node:test";
import { withFields } from "../../../instrumentations/logs/console.ts";

const FIELDS = { request_id: "r-1", trace_id: "t" };

const LINES: readonly (readonly [line: unknown, expected: unknown])[] = [
  ['{"a":1}', '{"a":1,"request_id":"r-1","trace_id":"t"}'],
  ["{}", '{"request_id":"r-1","trace_id":"t"}'],
  ['{"trace_id":"mine"}', '{"trace_id":"mine","request_id":"r-1"}'],
  ['{"trace_id":"mine","request_id":"x"}', '{"trace_id":"mine","request_id":"x"}'],
  ["{not json}", "{not json}"],
  ["[1]", "[1]"],
  ['"text"', '"text"'],
  ["plain", "plain"],
  [7, 7],
  [undefined, undefined],
];
for (const [line, expected] of LINES) {
  test(`console line ${String(line)} becomes ${String(expected)}`, () => {
    assert.equal(withFields(line, FIELDS), expected);
  });
}
