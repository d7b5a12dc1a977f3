import assert from "node:assert/strict";
import test from "node:test";
import { createTargetTest } from "../../instrumentations/targets.ts";

const isTarget = createTargetTest(["*.example.com", "api", "cache:6000", "::1"]);

for (const [host, port, expected] of [
  ["a.example.com", 443, true],
  ["A.EXAMPLE.com", 443, true],
  ["example.com", 443, false],
  ["a.example.com.evil.org", 443, false],
  ["api", 8080, true],
  ["api.", 8080, true],
  ["api2", 8080, false],
  ["cache", 6000, true],
  ["cache", 6001, false],
  ["::1", 80, true],
  ["/var/run/app.sock", undefined, false],
] as const) {
  test(`createTargetTest: ${host}:${port} ${expected ? "gets" : "does not get"} headers`, () =>
    assert.equal(isTarget(host, port), expected));
}

test("createTargetTest: * is everybody", () => assert.equal(createTargetTest(["api", "*"])("x", 1), true));
