import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, SamplingDecision, SpanKind, defaultTextMapGetter, trace } from "@opentelemetry/api";
import { B3Propagator } from "../../src/propagators/b3.ts";
import type { SamplerName } from "../../src/config/config.ts";
import { samplerOf } from "../support/sampling.ts";

const T = "0af7651916cd43dd8448eb211c80319c";
const S = "b7ad6b7169203331";
const propagator = new B3Propagator("single");

/** Whether a SERVER span is sampled whose request came with this B3 header. */
function isSampled(sampler: SamplerName, b3: string, isLocal = false): boolean {
  let context = propagator.extract(ROOT_CONTEXT, { b3 }, defaultTextMapGetter);
  if (isLocal) context = trace.setSpanContext(context, { traceId: T, spanId: S, traceFlags: 1 });
  const { decision } = samplerOf({ sampler, samplerRatio: 0 }).shouldSample(context, T, "GET", SpanKind.SERVER, {}, []);
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
}

for (const [sampler, b3, expected] of [
  ["parentbased_always_on", `${T}-${S}`, true],
  ["parentbased_always_off", `${T}-${S}`, false],
  ["parentbased_traceidratio", `${T}-${S}`, false],
  ["parentbased_traceidratio", `${T}-${S}-1`, true],
  ["parentbased_always_on", `${T}-${S}-0`, false],
  ["parentbased_always_on", "0", false],
  ["parentbased_always_off", "1", true],
  ["always_on", "0", true],
  ["always_off", `${T}-${S}-1`, false],
] as const) {
  test(`${sampler}, b3: ${b3}: ${expected ? "sampled" : "not sampled"}`, () =>
    assert.equal(isSampled(sampler, b3), expected));
}

test("a span of ours has decided for its children, whatever the caller left open", () => {
  assert.equal(isSampled("parentbased_always_off", `${T}-${S}`, true), true);
  assert.equal(isSampled("parentbased_always_on", "0", true), true);
});
