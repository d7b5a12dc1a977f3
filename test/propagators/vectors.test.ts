import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, type TextMapPropagator, defaultTextMapGetter, propagation, trace } from "@opentelemetry/api";
import { remoteTraits } from "../../src/context/remote-parent.ts";
import { senderOf } from "../../src/context/sender.ts";
import { B3Propagator } from "../../src/propagators/b3.ts";
import { JaegerPropagator } from "../../src/propagators/jaeger.ts";
import { LegacyIdsPropagator } from "../../src/propagators/legacy-ids.ts";
import { OtTracePropagator } from "../../src/propagators/ot-trace.ts";
import { TraceContextPropagator } from "../../src/propagators/trace-context.ts";
import { XRayPropagator } from "../../src/propagators/xray.ts";
import { passedThrough } from "../support/propagation.ts";

const T = "0af7651916cd43dd8448eb211c80319c";
const S = "b7ad6b7169203331";
const SHORT = "8448eb211c80319c";
const PADDED = `0000000000000000${SHORT}`;
const UUID = "0af76519-16cd-43dd-8448-eb211c80319c";

const PROPAGATORS = {
  b3: new B3Propagator("single"),
  b3multi: new B3Propagator("multi"),
  xray: new XRayPropagator(),
  jaeger: new JaegerPropagator(),
  ottrace: new OtTracePropagator(),
  legacy: new LegacyIdsPropagator(),
} satisfies Record<string, TextMapPropagator>;

type Headers = Record<string, string>;
/** `trace-span-flags` of the remote parent with `d` for debug and `?` for "you decide"; or the decision alone, or nothing. */
type Vector = readonly [name: keyof typeof PROPAGATORS, headers: Headers, expected: string | undefined];

const VECTORS: readonly Vector[] = [
  ["b3", { b3: `${T}-${S}-1` }, `${T}-${S}-1`],
  ["b3", { b3: `${T}-${S}-0` }, `${T}-${S}-0`],
  ["b3", { b3: `${T}-${S}-d` }, `${T}-${S}-1d`],
  ["b3", { b3: `${T}-${S}` }, `${T}-${S}-0?`],
  ["b3", { b3: `${T}-${S}-1-05e3ac9a4f6e3b90` }, `${T}-${S}-1`],
  ["b3", { b3: `${T.toUpperCase()}-${S.toUpperCase()}-1` }, `${T}-${S}-1`],
  ["b3", { b3: `${SHORT}-${S}-1` }, `${PADDED}-${S}-1`],
  ["b3", { b3: "0" }, "denied"],
  ["b3", { b3: "1" }, "accepted"],
  ["b3", { b3: "d" }, "accepted"],
  ["b3", { b3: "x" }, undefined],
  ["b3", { b3: `${"0".repeat(32)}-${S}-1` }, undefined],
  ["b3", { b3: `${T}-${"0".repeat(16)}-1` }, undefined],
  ["b3", { b3: `${T.slice(2)}-${S}-1` }, undefined],
  // The single header comes first, and an unusable one gives way.
  ["b3", { b3: `${T}-${S}-1`, "x-b3-traceid": SHORT, "x-b3-spanid": S, "x-b3-sampled": "0" }, `${T}-${S}-1`],
  ["b3", { b3: "x-y-z", "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-sampled": "1" }, `${T}-${S}-1`],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-sampled": "1" }, `${T}-${S}-1`],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-sampled": "true" }, `${T}-${S}-1`],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-sampled": "False" }, `${T}-${S}-0`],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-flags": "1" }, `${T}-${S}-1d`],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S }, `${T}-${S}-0?`],
  ["b3multi", { "x-b3-sampled": "0" }, "denied"],
  ["b3multi", { "x-b3-flags": "1" }, "accepted"],
  ["b3multi", { "x-b3-traceid": "nonsense", "x-b3-spanid": S, "x-b3-sampled": "0" }, undefined],
  ["b3multi", { "x-b3-traceid": T }, undefined],

  ["xray", { "x-amzn-trace-id": `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${S};Sampled=1` }, `${T}-${S}-1`],
  ["xray", { "x-amzn-trace-id": `Sampled=0; Parent=${S}; Root=1-0af76519-16cd43dd8448eb211c80319c` }, `${T}-${S}-0`],
  ["xray", { "x-amzn-trace-id": `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${S};Sampled=?` }, `${T}-${S}-0?`],
  // As a load balancer sends it: a trace without a span.
  ["xray", { "x-amzn-trace-id": "Root=1-0af76519-16cd43dd8448eb211c80319c" }, `${T}-${SHORT}-0?`],
  [
    "xray",
    { "x-amzn-trace-id": "Self=1-2-3;Root=1-0af76519-16cd43dd8448eb211c80319c;CalledFrom=app" },
    `${T}-${SHORT}-0?`,
  ],
  ["xray", { "x-amzn-trace-id": "Root=2-0af76519-16cd43dd8448eb211c80319c" }, undefined],
  ["xray", { "x-amzn-trace-id": ";;=;" }, undefined],

  ["jaeger", { "uber-trace-id": `${T}:${S}:0:1` }, `${T}-${S}-1`],
  ["jaeger", { "uber-trace-id": `${T}:${S}:0:0` }, `${T}-${S}-0`],
  ["jaeger", { "uber-trace-id": `${T}:${S}:0:3` }, `${T}-${S}-1d`],
  ["jaeger", { "uber-trace-id": `${T}%3A${S}%3A0%3A01` }, `${T}-${S}-1`],
  ["jaeger", { "uber-trace-id": `${SHORT}:b7:0:1` }, `${PADDED}-00000000000000b7-1`],
  ["jaeger", { "uber-trace-id": `0:${S}:0:1` }, undefined],
  ["jaeger", { "uber-trace-id": `${T}:${S}:1` }, undefined],

  ["ottrace", { "ot-tracer-traceid": SHORT, "ot-tracer-spanid": S, "ot-tracer-sampled": "true" }, `${PADDED}-${S}-1`],
  ["ottrace", { "ot-tracer-traceid": T, "ot-tracer-spanid": S, "ot-tracer-sampled": "false" }, `${T}-${S}-0`],
  ["ottrace", { "ot-tracer-traceid": T, "ot-tracer-spanid": S }, `${T}-${S}-0?`],
  ["ottrace", { "ot-tracer-traceid": T, "ot-tracer-sampled": "true" }, undefined],

  ["legacy", { "x-trace-id": T, "x-span-id": S, "x-sampled": "1" }, `${T}-${S}-1`],
  ["legacy", { "x-trace-id": T, "x-span-id": S, "x-sampled": "0" }, `${T}-${S}-0`],
  ["legacy", { "x-trace-id": UUID.toUpperCase(), "x-span-id": S }, `${T}-${S}-0?`],
  ["legacy", { "x-trace-id": SHORT, "x-span-id": S }, `${PADDED}-${S}-0?`],
  ["legacy", { "x-trace-id": T, "x-span-id": UUID }, `${T}-${SHORT}-0?`],
  ["legacy", { "x-trace-id": SHORT, "x-span-id": T }, `${PADDED}-${SHORT}-0?`],
  ["legacy", { "x-trace-id": T, "x-span-id": `${SHORT}${"0".repeat(16)}` }, undefined],
  ["legacy", { "x-trace-id": T }, undefined],
  ["legacy", { "x-trace-id": "not hex", "x-span-id": S }, undefined],
  ["legacy", { "x-trace-id": "0".repeat(32), "x-span-id": S }, undefined],
];

for (const [name, headers, expected] of VECTORS) {
  test(`${name} reads ${JSON.stringify(headers)} as ${expected}`, () => {
    const context = PROPAGATORS[name].extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const parent = trace.getSpanContext(context);
    const traits = remoteTraits(context);
    if (parent === undefined) {
      assert.equal(traits?.decision, expected);
      return;
    }
    assert.equal(parent.isRemote, true);
    const mark = `${traits?.debug === true ? "d" : ""}${traits?.decision === "deferred" ? "?" : ""}`;
    assert.equal(`${parent.traceId}-${parent.spanId}-${parent.traceFlags}${mark}`, expected);
  });
}

/** What comes out when nothing of ours was started in between: OTEL_SDK_DISABLED, or a suppressed instrumentation. */
const PASSED: readonly (readonly [name: keyof typeof PROPAGATORS, headers: Headers, out?: Headers])[] = [
  ["b3", { b3: `${T}-${S}-1` }],
  ["b3", { b3: `${T}-${S}-d` }],
  ["b3", { b3: `${T}-${S}` }],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-sampled": "0" }],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S, "x-b3-flags": "1" }],
  ["b3multi", { "x-b3-traceid": T, "x-b3-spanid": S }],
  ["xray", { "x-amzn-trace-id": `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${S};Sampled=?` }],
  ["xray", { "x-amzn-trace-id": `Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=${S};Sampled=1` }],
  ["jaeger", { "uber-trace-id": `${T}:${S}:0:03`, "uberctx-user": "a%20b" }],
  [
    "ottrace",
    { "ot-tracer-traceid": T, "ot-tracer-spanid": S, "ot-tracer-sampled": "true", "ot-baggage-user": "x" },
    { "ot-tracer-traceid": SHORT, "ot-tracer-spanid": S, "ot-tracer-sampled": "true", "ot-baggage-user": "x" },
  ],
  ["legacy", { "x-trace-id": T, "x-span-id": S }],
  ["legacy", { "x-trace-id": T, "x-span-id": S, "x-sampled": "1" }],
];

for (const [name, headers, out = headers] of PASSED) {
  test(`${name} passes ${JSON.stringify(headers)} on`, () => {
    assert.deepEqual(passedThrough(PROPAGATORS[name], headers), out);
  });
}

test("jaeger reads baggage, and leaves out what is not decodable", () => {
  const headers = { "uberctx-user": "a%20b", "uberctx-bad": "%zz", "uberctx-": "x" };
  const context = PROPAGATORS.jaeger.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  assert.deepEqual(propagation.getBaggage(context)?.getAllEntries(), [["user", { value: "a b" }]]);
});

test("baggage whose key is no header's name is not written by jaeger", () => {
  const baggage = propagation.createBaggage({ "bad key": { value: "x" }, good: { value: "ü" } });
  const carrier: Headers = {};
  PROPAGATORS.jaeger.inject(propagation.setBaggage(ROOT_CONTEXT, baggage), carrier, {
    set: (to, key, value) => ((to as Headers)[key] = value),
  });
  assert.deepEqual(carrier, { "uberctx-good": "%C3%BC" });
});

test("legacy ids beside a standard's trace become a link, and the standard's trace stays", () => {
  const headers = { traceparent: `00-${T}-${S}-01`, "x-trace-id": SHORT, "x-span-id": "00f067aa0ba902b7" };
  const standard = new TraceContextPropagator().extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const context = PROPAGATORS.legacy.extract(standard, headers, defaultTextMapGetter);
  assert.equal(trace.getSpanContext(context)?.traceId, T);
  const sender = senderOf(context);
  assert.deepEqual(sender?.attributes, { "redtrail.sender.trace_id": PADDED });
  assert.deepEqual(
    sender?.links?.map((link) => link.context.spanId),
    ["00f067aa0ba902b7"],
  );
});

test("legacy ids of the same trace as the standard's are not said twice", () => {
  const headers = { traceparent: `00-${T}-${S}-01`, "x-trace-id": T, "x-span-id": S };
  const standard = new TraceContextPropagator().extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  assert.equal(PROPAGATORS.legacy.extract(standard, headers, defaultTextMapGetter), standard);
});

test("a legacy trace id without a span id, and a caller's parent, are attributes", () => {
  const read = (headers: Headers): unknown =>
    senderOf(PROPAGATORS.legacy.extract(ROOT_CONTEXT, headers, defaultTextMapGetter))?.attributes;
  assert.deepEqual(read({ "x-trace-id": UUID }), { "redtrail.sender.trace_id": T });
  assert.deepEqual(read({ "x-trace-id": T, "x-span-id": S, "x-parent-span-id": "00F067AA0BA902B7" }), {
    "redtrail.sender.parent_span_id": "00f067aa0ba902b7",
  });
});
