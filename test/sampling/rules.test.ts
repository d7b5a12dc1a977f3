import assert from "node:assert/strict";
import test from "node:test";
import { type Attributes, ROOT_CONTEXT, SamplingDecision, SpanKind, trace } from "@opentelemetry/api";
import { RateLimitSampler } from "../../src/sampling/rate-limit.ts";
import { type SamplingRule, parseSamplingRule } from "../../src/sampling/rules.ts";
import { AlwaysOnSampler } from "@opentelemetry/sdk-trace";
import { samplerOf } from "../support/sampling.ts";

const T = "0af7651916cd43dd8448eb211c80319c";

for (const [text, expected] of [
  ["drop path=/health*", { ratio: 0, drops: true, path: "/health*", headers: [] }],
  ["0 path=/health*", { ratio: 0, path: "/health*", headers: [] }],
  ["Drop method=get route=/users/:id", { ratio: 0, drops: true, method: "GET", route: "/users/:id", headers: [] }],
  [" KEEP  method=get ", { ratio: 1, method: "GET", headers: [] }],
  ["0.25 name=process*", { ratio: 0.25, name: "process*", headers: [] }],
  [
    "keep header.X-Debug=* header.x-tenant=a=b",
    {
      ratio: 1,
      headers: [
        { name: "x-debug", pattern: "*" },
        { name: "x-tenant", pattern: "a=b" },
      ],
    },
  ],
  ["drop", undefined],
  ["2 path=/", undefined],
  ["0.1.2 path=/", undefined],
  ["-1 path=/", undefined],
  ["drop host=/x", undefined],
  ["drop path", undefined],
  ["drop path=", undefined],
  // None of them could ever fit.
  ["drop path=health", undefined],
  ["drop path=/health?x=*", undefined],
  ["drop path='/x'", undefined],
  ["drop method=GET method=POST", undefined],
  ["drop path=*.css", { ratio: 0, drops: true, path: "*.css", headers: [] }],
  ["", undefined],
] as const) {
  test(`parseSamplingRule: ${JSON.stringify(text)}`, () => assert.deepEqual(parseSamplingRule(text), expected));
}

const rules = "drop path=/health*; keep header.x-debug=*; 0 method=OPTIONS; 0.5 name=half; drop method=PURGE"
  .split(";")
  .map((rule) => parseSamplingRule(rule) as SamplingRule);
const sampler = samplerOf({ rules });
const isSampled = (name: string, attributes: Attributes, traceId = T, context = ROOT_CONTEXT): boolean =>
  sampler.shouldSample(context, traceId, name, SpanKind.SERVER, attributes, []).decision ===
  SamplingDecision.RECORD_AND_SAMPLED;

for (const [attributes, expected] of [
  [{ "url.path": "/health/live", "http.request.header.x-debug": ["1"] }, false],
  [{ "url.path": "/", "http.request.method": "OPTIONS" }, false],
  [{ "url.path": "/", "http.request.method": "OPTIONS", "http.request.header.x-debug": ["1"] }, true],
  [{ "url.path": "/", "http.request.method": "_OTHER", "http.request.method_original": "PURGE" }, false],
  [{ "url.path": "/orders", "http.request.method": "GET" }, true],
  [{}, true],
] as const) {
  test(`RuleSampler: ${JSON.stringify(attributes)} is ${expected ? "sampled" : "dropped"}`, () =>
    assert.equal(isSampled("GET", attributes), expected));
}

test("RuleSampler: a ratio decides by the trace id, so that services agree", () => {
  const low = `${"0".repeat(31)}1`;
  const high = `${"0".repeat(24)}${"f".repeat(8)}`;
  assert.notEqual(isSampled("half", {}, low), isSampled("half", {}, high));
  assert.equal(isSampled("half", {}, low), isSampled("half", {}, low));
});

test("RuleSampler: a caller's decision stands, whatever the rules say", () => {
  const parent = { traceId: T, spanId: "b7ad6b7169203331", traceFlags: 1, isRemote: true };
  assert.equal(isSampled("GET", { "url.path": "/health" }, T, trace.setSpanContext(ROOT_CONTEXT, parent)), true);
});

test("RateLimitSampler lets a second's worth through at once, and then as many as time has brought", () => {
  let now = 0;
  const limited = new RateLimitSampler(new AlwaysOnSampler(), 3, () => now);
  const take = (count: number): number =>
    Array.from({ length: count }, () => limited.shouldSample(ROOT_CONTEXT, T, "x", SpanKind.SERVER, {}, [])).filter(
      ({ decision }) => decision === SamplingDecision.RECORD_AND_SAMPLED,
    ).length;
  assert.equal(take(10), 3);
  now = 400;
  assert.equal(take(10), 1);
  now = 10_000;
  assert.equal(take(10), 3);
});
