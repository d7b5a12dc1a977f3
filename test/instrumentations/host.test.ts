import assert from "node:assert/strict";
import test from "node:test";
import { parseAuthority } from "../../instrumentations/http/host.ts";
import { knownMethod, methodInName } from "../../instrumentations/http/method.ts";

for (const [text, host, port] of [
  ["example.com", "example.com", undefined],
  ["example.com:8080", "example.com", 8080],
  ["[::1]", "::1", undefined],
  ["[::1]:8080", "::1", 8080],
  ["example.com:", "example.com", undefined],
  ["example.com:abc", "example.com", undefined],
  ["example.com:65536", "example.com", undefined],
  ["", "", undefined],
  [":80", ":80", undefined],
] as const) {
  test(`parseAuthority("${text}") is ${host} and ${port}`, () =>
    assert.deepEqual(parseAuthority(text), { host, port }));
}

test("knownMethod bounds what a caller can choose, and methodInName names it", () => {
  assert.deepEqual(["GET", "QUERY", "PURGE", "get", ""].map(knownMethod), [
    "GET",
    "QUERY",
    "_OTHER",
    "_OTHER",
    "_OTHER",
  ]);
  assert.deepEqual(["GET", "_OTHER"].map(methodInName), ["GET", "HTTP"]);
});
