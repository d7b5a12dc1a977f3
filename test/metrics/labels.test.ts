import assert from "node:assert/strict";
import test from "node:test";
import { type LabelValue, cleanStatusCode, cleanValue, templateIds } from "../../src/metrics/labels.ts";

/** What the types forbid, and a span may hold all the same: the SDK lets arrays, maps, bytes and null through. */
const values: readonly (readonly [string, unknown, LabelValue])[] = [
  ["an array", ["a", 1], '["a",1]'],
  ["a map", { a: 1 }, '{"a":1}'],
  ["a map that hides toString", { toString: 1 }, '{"toString":1}'],
  ["what JSON cannot write", [1n], "[object Array]"],
  ["null", null, undefined],
  ["undefined", undefined, undefined],
  ["a number", 5432, 5432],
  ["false", false, false],
  ["an empty text", "", ""],
  ["255 characters", "x".repeat(255), "x".repeat(255)],
  ["256 characters", "x".repeat(256), "x".repeat(255)],
  ["a pair that ends at 255", `${"x".repeat(253)}\u{1F600}y`, `${"x".repeat(253)}\u{1F600}`],
  ["a pair that 255 divides", `${"x".repeat(254)}\u{1F600}`, "x".repeat(254)],
  ["the half of a pair", "a\uD800b", "a\uFFFDb"],
  ["a zero character", "a\0b", "a\uFFFDb"],
  ["a line break", "a\nb", "a\nb"],
];
for (const [title, value, expected] of values) {
  test(`cleanValue makes of ${title} what a label can hold`, () => {
    assert.equal(cleanValue({ key: "x" }, value as LabelValue), expected);
  });
}

test("cleanValue hands an array to a label's own cleaning as text", () => {
  assert.equal(cleanValue({ key: "x", clean: templateIds }, ["/a/42"] as never), '["/a/42"]');
  assert.equal(cleanValue({ key: "x", clean: cleanStatusCode }, { valueOf: 1 } as never), undefined);
});

test("templateIds is linear in what it is given, and looks at no more than can be a label", () => {
  const longest = "7/".repeat(1_000_000);
  const started = performance.now();
  const made = templateIds(longest) as string;
  assert.ok(performance.now() - started < 1_000);
  assert.ok(made.startsWith("{id}/{id}/"));
  assert.ok(made.length < 2_000);
});

for (const [value, expected] of [
  ["/a/123e4567-e89b-12d3-a456-426614174000/b", "/a/{id}/b"],
  ["/a/123e4567-e89b-12d3-a456-42661417400", "/a/123e4567-e89b-12d3-a456-42661417400"],
  ["/a/0123456789abcdef", "/a/{id}"],
  ["/a/0123456789abcde", "/a/0123456789abcde"],
  ["/a/0123456789ABCDEF", "/a/{id}"],
  ["/day/2026-11-24T10:00:00Z", "/day/{id}"],
  ["/day/2026-11", "/day/2026-11"],
  ["/a?id=42&b=x", "/a?id={id}&b=x"],
  ["7,8 9", "{id},{id} {id}"],
  ["/v2/api", "/v2/api"],
  ["a@b@c", "a@b@c"],
  ["@scope/package", "@scope/package"],
  [42, 42],
  [true, true],
] as const) {
  test(`templateIds makes "${value}" "${expected}"`, () => assert.equal(templateIds(value), expected));
}
