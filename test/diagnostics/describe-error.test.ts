import assert from "node:assert/strict";
import test from "node:test";
import { describeError } from "../../src/diagnostics/describe-error.ts";

const unspeakable = {
  toString() {
    throw new Error("not even this");
  },
};
const placed = Object.assign(new SyntaxError("Unexpected token"), { stack: "/app/plug-in.js:3\nfoo bar\n" });

for (const [what, thrown, expected] of [
  ["an error", new TypeError("no luck"), "TypeError: no luck"],
  ["only the first line of a message", new Error("first\nsecond"), "Error: first"],
  ["a syntax error with its place", placed, "SyntaxError: Unexpected token (/app/plug-in.js:3)"],
  ["terminal escapes as spaces", new Error("a\u001B[31mb"), "Error: a [31mb"],
  ["what is no error", 7, "thrown: 7"],
  ["nothing", undefined, "thrown: undefined"],
  ["what cannot be made a text", unspeakable, "an error that cannot be described"],
  ["the beginning of a long message", new Error("x".repeat(400)), `Error: ${"x".repeat(293)}...`],
] as const) {
  test(`describeError tells ${what}`, () => {
    assert.equal(describeError(thrown), expected);
  });
}
