// The small parsers of RED settings, and labels in their form.
import assert from "node:assert/strict";
import test from "node:test";
import { parseDimension } from "../../src/metrics/dimension.ts";
import { createErrorTest, parseErrorClass } from "../../src/metrics/error-class.ts";
import { createExclusionTest, parseExclusion } from "../../src/metrics/exclusion.ts";
import { cleanMethod, cleanStatusCode, templateIds } from "../../src/metrics/labels.ts";

const CANDIDATE = { route: "/users/:id", name: "GET /users/:id", kind: "server", scope: "@opentelemetry/x" };
for (const [text, excluded] of [
  ["route:/users/:id", true],
  ["route:/users", false],
  ["route:/users*", true],
  ["route:*", true],
  ["route:*:id", true],
  ["route:/users/*/:id", false],
  ["route:/u*s*d", true],
  ["route:/users/:id*:id", false],
  ["name:GET *", true],
  ["name:get *", false],
  ["kind:SERVER", true],
  ["kind:client", false],
  ["scope:@opentelemetry/*", true],
  ["scope:@opentelemetry/**x", true],
] as const) {
  test(`${text} excludes ${excluded ? "" : "not "}a span of ${CANDIDATE.name}`, () => {
    const exclusion = parseExclusion(text);
    assert.ok(exclusion !== undefined);
    assert.equal(createExclusionTest([exclusion])?.(CANDIDATE), excluded);
  });
}

test("createExclusionTest is nothing where nothing is excluded, and a span without a route has none to match", () => {
  assert.equal(createExclusionTest([]), undefined);
  assert.equal(createExclusionTest([{ what: "route", glob: "*" }])?.({ ...CANDIDATE, route: undefined }), false);
});

test("createExclusionTest takes no longer for a hostile pattern", () => {
  const test = createExclusionTest([{ what: "name", glob: `${"*a".repeat(30)}*b` }]);
  const started = performance.now();
  for (let i = 0; i < 100; i++) assert.equal(test?.({ ...CANDIDATE, name: "a".repeat(100_000) }), false);
  // A regular expression would take years for one; this was 20 ms for all.
  assert.ok(performance.now() - started < 5_000);
});

for (const [glob, text, expected] of [
  ["*", "", true],
  ["**", "a", true],
  ["a*a", "a", false],
  ["a*a", "aa", true],
  ["ab*ba", "aba", false],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-c-b", false],
  ["*b*b", "b", false],
  ["a.c", "abc", false],
  ["(a+)+$", "aaaa", false],
  ["[a]?", "[a]?", true],
] as const) {
  test(`The glob "${glob}" is ${expected ? "" : "not "}of "${text}"`, () => {
    assert.equal(createExclusionTest([{ what: "name", glob }])?.({ ...CANDIDATE, name: text }), expected);
  });
}

test("Any of several exclusions is enough", () => {
  const exclusions = [{ what: "kind", glob: "client" } as const, { what: "scope", glob: "@open*" } as const];
  assert.equal(createExclusionTest(exclusions)?.(CANDIDATE), true);
  assert.equal(createExclusionTest(exclusions)?.({ ...CANDIDATE, scope: "mine" }), false);
});

for (const text of ["", "/healthz", "route:", "colour:red"]) {
  test(`parseExclusion refuses "${text}"`, () => assert.equal(parseExclusion(text), undefined));
}

for (const [text, key, fallback, only] of [
  ["tenant", "tenant", undefined, undefined],
  ["tenant=", "tenant", "", undefined],
  ["tenant=a b@calls", "tenant", "a b", "calls"],
  ["a.b@duration", "a.b", undefined, "duration"],
] as const) {
  test(`parseDimension reads "${text}"`, () => assert.deepEqual(parseDimension(text), { key, fallback, only }));
}
for (const text of ["", "a b", "=x", "a@both"]) {
  test(`parseDimension refuses "${text}"`, () => assert.equal(parseDimension(text), undefined));
}

test("parseErrorClass reads classes and codes, and createErrorTest is for its kind alone", () => {
  const classes = ["server:5XX", "server:429"].map((text) => parseErrorClass(text));
  assert.deepEqual(classes, [
    { kind: "server", from: 500, to: 599 },
    { kind: "server", from: 429, to: 429 },
  ]);
  const isError = createErrorTest(classes as never, "server");
  assert.deepEqual(
    [428, 429, 430, 499, 500, 599, 600].map((code) => isError?.(code)),
    [false, true, false, false, true, true, false],
  );
  assert.equal(createErrorTest(classes as never, "client"), undefined);
  for (const text of ["5xx", "server:6xx", "server:50", "client:xx", "consumer:5xx"]) {
    assert.equal(parseErrorClass(text), undefined, text);
  }
});

for (const [value, expected] of [
  ["GET", "GET"],
  ["QUERY", "QUERY"],
  ["get", "_OTHER"],
  ["PURGE", "_OTHER"],
  [7, "_OTHER"],
] as const) {
  test(`cleanMethod makes ${value} ${expected}`, () => assert.equal(cleanMethod(value), expected));
}
for (const [value, expected] of [
  [100, 100],
  [599, 599],
  ["204", 204],
  [99, undefined],
  [600, undefined],
  [200.5, undefined],
  ["OK", undefined],
] as const) {
  test(`cleanStatusCode makes ${value} ${expected}`, () => assert.equal(cleanStatusCode(value), expected));
}

for (const [value, expected] of [
  ["GET /users/42/orders", "GET /users/{id}/orders"],
  ["/a/0193f0a2-7d3c-7e1f-8a55-2c1b3d4e5f60", "/a/{id}"],
  ["/a/deadbeefdeadbeef", "/a/{id}"],
  ["/a/deadbeef", "/a/deadbeef"],
  ["/a/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/a/{id}"],
  ["/a/2026-11-24/b", "/a/{id}/b"],
  ["/mail/me@example.org", "/mail/{id}"],
  ["/v1/users", "/v1/users"],
  ["GET /users/:id", "GET /users/:id"],
  ["orders", "orders"],
] as const) {
  test(`templateIds makes "${value}" "${expected}"`, () => assert.equal(templateIds(value), expected));
}
