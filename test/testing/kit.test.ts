import assert from "node:assert/strict";
import { test } from "node:test";
import { propagation, trace } from "@opentelemetry/api";
import { startTestKit } from "../../src/testing.ts";

test("startTestKit starts all parts of a plug-in, and its end leaves nothing registered", async () => {
  const kit = startTestKit({
    plugins: [
      {
        propagators: {
          tenant: () => ({ inject: () => {}, extract: (context) => context, fields: () => ["x-tenant"] }),
        },
        spanProcessors: [
          () => ({
            onStart: (span) => void span.setAttribute("seen", true),
            onEnd: () => {},
            forceFlush: async () => {},
            shutdown: async () => {},
          }),
        ],
        samplers: {
          some: ({ arg }) => ({
            shouldSample: (_context, _traceId, name) => ({ decision: name === arg ? 2 : 0 }),
            toString: () => "Some",
          }),
        },
        resourceDetectors: { region: () => ({ "cloud.region": "here" }) },
      },
    ],
    env: { OTEL_PROPAGATORS: "tenant", OTEL_TRACES_SAMPLER: "some", OTEL_TRACES_SAMPLER_ARG: "kept" },
  });
  assert.deepEqual(propagation.fields(), ["x-tenant"]);
  kit.inSpan("kept", () => {});
  kit.inSpan("dropped", () => {});
  assert.equal(kit.tree(), "INTERNAL kept");
  assert.equal(kit.spans()[0]?.attributes["seen"], true);
  await kit.stop();
  assert.equal(trace.getTracer("x").startSpan("y").isRecording(), false);
  assert.deepEqual(propagation.fields(), []);
});

test("startTestKit throws what is wrong with a plug-in or a setting, and where another SDK runs", async () => {
  assert.throws(() => startTestKit({ plugins: [{ spanProcessors: 7 as never }] }), /spanProcessors is no list/);
  assert.throws(() => startTestKit({ env: { OTEL_PROPAGATORS: "tracecontxt" } }), /did you mean "tracecontext"/);
  const kit = startTestKit();
  assert.throws(() => startTestKit(), /an OpenTelemetry SDK runs in this process already/);
  await kit.stop();
});

test("waitForSpans rejects in time, with the spans that are there", async () => {
  const kit = startTestKit();
  const waiting = kit.waitForSpans(1);
  kit.inSpan("one", () => {});
  assert.equal((await waiting).length, 1);
  await assert.rejects(kit.waitForSpans(2, 5), /1 of 2 spans after 5 ms: one/);
  kit.reset();
  assert.deepEqual(kit.spans(), []);
  await kit.stop();
});
