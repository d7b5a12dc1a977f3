import assert from "node:assert/strict";
import test from "node:test";
import { compilePatterns } from "../../src/redaction/patterns.ts";

test("compilePatterns replaces what any of the patterns matches, and keeps the rest", () => {
  const { replace, refused } = compilePatterns([String.raw`\b\d{4}-\d{4}\b`, "(?i)sk_live_[a-z0-9]+", "é+"]);
  assert.deepEqual(refused, []);
  assert.equal(
    replace("card 1234-5678, key SK_live_a1, éé, 12345-6789 $1"),
    "card REDACTED, key REDACTED, REDACTED, 12345-6789 $1",
  );
  assert.equal(replace("nothing"), "nothing");
  assert.equal(replace(""), "");
});

test("compilePatterns names the patterns that cannot be used, and uses the others", () => {
  const { replace, refused } = compilePatterns(["(", "(?=x)", String.raw`(a)\1`, "x*", "ok"]);
  assert.deepEqual(
    refused.map(({ pattern }) => pattern),
    ["(", "(?=x)", String.raw`(a)\1`, "x*"],
  );
  assert.match(refused[0]?.reason ?? "", /^is not one that RE2 can read \(.*missing closing \)/);
  assert.equal(refused[3]?.reason, "matches where there is nothing");
  assert.equal(replace("ok x"), "REDACTED x");
});

test("compilePatterns replaces nothing at a match of nothing", () => {
  assert.equal(compilePatterns([String.raw`\b`]).replace("a b"), "a b");
});

test("compilePatterns replaces the rest of a text that has more matches than may be searched for", () => {
  const { replace } = compilePatterns(["x"]);
  const most = "x,".repeat(64) + ",".repeat(16_384 - 128);
  assert.ok(replace(most) === most.replaceAll("x", "REDACTED"));
  assert.ok(replace(`x,${most}`) === `${"REDACTED,".repeat(63)}REDACTED`);
  const large = `x,${",".repeat(4_194_304)}`;
  assert.ok(replace(large) === large.replace("x", "REDACTED"));
  assert.equal(replace(`x,${large}`), "REDACTED,REDACTED");
});

test("compilePatterns ends on what no backtracking expression would", () => {
  const text = "a".repeat(100_000);
  assert.equal(compilePatterns(["(a+)+b", "(a|a)*b"]).replace(text), text);
});
