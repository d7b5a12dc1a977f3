import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, SamplingDecision, SpanKind } from "@opentelemetry/api";
import { AlwaysOffSampler, AlwaysOnSampler } from "@opentelemetry/sdk-trace";
import { RecordForMetricsSampler } from "../../src/sampling/record-for-metrics.ts";
import { samplerOf } from "../support/sampling.ts";

function decide(sampler: RecordForMetricsSampler, kind: SpanKind): SamplingDecision {
  return sampler.shouldSample(ROOT_CONTEXT, "0af7651916cd43dd8448eb211c80319c", "x", kind, {}, []).decision;
}

for (const kind of [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
  test(`RecordForMetricsSampler records a ${SpanKind[kind]} span that is not sampled`, () => {
    assert.equal(decide(new RecordForMetricsSampler(new AlwaysOffSampler()), kind), SamplingDecision.RECORD);
  });
}

test("RecordForMetricsSampler leaves INTERNAL spans and sampled ones to its delegate", () => {
  assert.equal(
    decide(new RecordForMetricsSampler(new AlwaysOffSampler()), SpanKind.INTERNAL),
    SamplingDecision.NOT_RECORD,
  );
  assert.equal(
    decide(new RecordForMetricsSampler(new AlwaysOnSampler()), SpanKind.SERVER),
    SamplingDecision.RECORD_AND_SAMPLED,
  );
});

test("createSampling records nothing more than is sampled when nothing counts spans", () => {
  assert.equal(samplerOf({ sampler: "always_off" }).toString(), "AlwaysOffSampler");
  assert.match(samplerOf({ sampler: "always_off" }, { feedsMetrics: true }).toString(), /^RecordForMetrics/);
});
