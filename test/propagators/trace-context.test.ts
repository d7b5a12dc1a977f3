// The cases of the W3C's own suite (https://github.com/w3c/trace-context/tree/main/test), level 2, strict.
import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, defaultTextMapGetter, defaultTextMapSetter, trace } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { B3Propagator } from "../../src/propagators/b3.ts";
import { TraceContextPropagator } from "../../src/propagators/trace-context.ts";
import { W3CTraceState } from "../../src/propagators/trace-state.ts";
import { passedThrough } from "../support/propagation.ts";

const propagator = new TraceContextPropagator();
const T = "12345678901234567890123456789012";
const S = "1234567890123456";
const PARENT = `00-${T}-${S}-01`;

for (const [what, header] of [
  ["a version that is not known yet, with more behind the flags", `cc-${T}-${S}-01-what-the-future-will-be-like`],
  ["a version that is not known yet", `cc-${T}-${S}-01`],
  ["white space around it", `  ${PARENT}\t`],
] as const) {
  test(`traceparent: ${what}`, () =>
    assert.equal(passedThrough(propagator, { traceparent: header }).traceparent, PARENT));
}

for (const [what, header] of [
  ["more behind the flags of version 00", `${PARENT}-x`],
  ["a dash behind the flags of version 00", `${PARENT}-`],
  ["version ff", `ff-${T}-${S}-01`],
  ["a future version with more that no dash separates", `cc-${T}-${S}-01.what`],
  ["upper case", `00-${T.slice(1)}A-${S}-01`],
  ["a version of one digit", `0-${T}-${S}-01`],
  ["a version of three digits", `000-${T}-${S}-01`],
  ["a version that is not hex", `.0-${T}-${S}-01`],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${S}-01`],
  ["a trace id that is not hex", `00-.${T.slice(1)}-${S}-01`],
  ["a trace id too long", `00-${T}3-${S}-01`],
  ["a trace id too short", `00-${T.slice(1)}-${S}-01`],
  ["a parent id of zeros", `00-${T}-${"0".repeat(16)}-01`],
  ["a parent id that is not hex", `00-${T}-.${S.slice(1)}-01`],
  ["a parent id too long", `00-${T}-${S}3-01`],
  ["a parent id too short", `00-${T}-${S.slice(1)}-01`],
  ["flags that are not hex", `00-${T}-${S}-.1`],
  ["flags too long", `00-${T}-${S}-001`],
  ["flags too short", `00-${T}-${S}-1`],
  ["two of them, as Node joins them", `${PARENT}, ${PARENT}`],
  ["two of them, as a list", [PARENT, PARENT]],
] as const) {
  test(`traceparent is not taken with ${what}`, () =>
    assert.deepEqual(passedThrough(propagator, { traceparent: header, tracestate: "foo=1" }), {}));
}

for (const [received, sent] of [
  ["00", "00"],
  ["01", "01"],
  ["02", "02"],
  ["03", "03"],
  // What has no meaning yet is not passed on.
  ["fc", "00"],
  ["ff", "03"],
] as const) {
  test(`traceparent: flags ${received} go on as ${sent}`, () =>
    assert.equal(
      passedThrough(propagator, { traceparent: `00-${T}-${S}-${received}` }).traceparent,
      `00-${T}-${S}-${sent}`,
    ));
}

const members = (count: number): string => Array.from({ length: count }, (_, at) => `bar${at}=${at}`).join(",");

for (const [received, sent] of [
  ["foo=1", "foo=1"],
  ["foo=1,bar=2", "foo=1,bar=2"],
  [["foo=1", "bar=2"], "foo=1,bar=2"],
  ["foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"],
  ["foo=1,,bar=2,", "foo=1,bar=2"],
  ["foo=1,bar=2,foo=3", "foo=1,bar=2"],
  ["foo@=1,bar=2", "foo@=1,bar=2"],
  ["foo@bar@baz=1", "foo@bar@baz=1"],
  ["0foo=1", "0foo=1"],
  [`${"z".repeat(256)}=1`, `${"z".repeat(256)}=1`],
  [`a=${"!".repeat(256)}`, `a=${"!".repeat(256)}`],
  ["foo=a b", "foo=a b"],
  [members(32), members(32)],
  // One member that is not valid: none is passed on.
  ["foo=1,Bar=2", undefined],
  ["foo=1,=2", undefined],
  ["foo=1,bar", undefined],
  ["foo=1,bar=", undefined],
  ["foo=1,bar=a=b", undefined],
  ["foo=1,bar=ü", undefined],
  ["foo=1,bar=a\u0001", undefined],
  [" foo bar=1", undefined],
  ["@foo=1", undefined],
  [`${"z".repeat(257)}=1`, undefined],
  [`a=${"!".repeat(257)}`, undefined],
  [members(33), undefined],
  ["", undefined],
] as const) {
  test(`tracestate ${JSON.stringify(received).slice(0, 40)} (${received.length}) goes on as ${String(sent).slice(0, 20)}`, () => {
    const out = passedThrough(propagator, { traceparent: PARENT, tracestate: received });
    assert.deepEqual(out, sent === undefined ? { traceparent: PARENT } : { traceparent: PARENT, tracestate: sent });
  });
}

test("W3CTraceState puts what is set in front, at most 32, and refuses what is not valid", () => {
  const state = W3CTraceState.parse(members(32)) as W3CTraceState;
  const newer = state.set("new", "1");
  assert.equal(newer.serialize().split(",").length, 32);
  assert.match(newer.serialize(), /^new=1,bar0=0,/);
  assert.equal(newer.get("bar31"), undefined);
  assert.equal(state.set("NEW", "1"), state);
  assert.equal(state.set("new", "a,b"), state);
  assert.equal(W3CTraceState.parse("a=1,b=2")?.set("b", "3").serialize(), "b=3,a=1");
  assert.equal(W3CTraceState.parse("a=1,b=2")?.unset("a").serialize(), "b=2");
});

test("a trace that begins here is marked as random; nothing is written while tracing is suppressed", () => {
  const span = new TracerProvider().getTracer("test").startSpan("root");
  const carrier: Record<string, string> = {};
  propagator.inject(suppressTracing(trace.setSpan(ROOT_CONTEXT, span)), carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, {});
  propagator.inject(trace.setSpan(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
  assert.match(carrier["traceparent"] ?? "", /-03$/);
});

for (const [encoding, given, sent] of [
  ["single", { b3: "0" }, { b3: "0" }],
  ["single", { "x-b3-flags": "1" }, { b3: "d" }],
  ["multi", { b3: "1" }, { "x-b3-sampled": "1" }],
  ["multi", { b3: "d" }, { "x-b3-flags": "1" }],
  ["multi", { b3: "nonsense" }, {}],
] as const) {
  test(`a decision alone goes on alone where no trace begins: ${JSON.stringify(given)}`, () => {
    const b3 = new B3Propagator(encoding);
    const carrier = {};
    b3.inject(b3.extract(ROOT_CONTEXT, given, defaultTextMapGetter), carrier, defaultTextMapSetter);
    assert.deepEqual(carrier, sent);
  });
}

for (const headers of [{ b3: "1" }, { "x-b3-sampled": "0" }]) {
  test(`a trace that begins here after ${JSON.stringify(headers)} is marked as random too`, () => {
    const decided = new B3Propagator("single").extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const span = new TracerProvider().getTracer("test").startSpan("root", {}, decided);
    const carrier: Record<string, string> = {};
    propagator.inject(trace.setSpan(decided, span), carrier, defaultTextMapSetter);
    assert.match(carrier["traceparent"] ?? "", /-0[23]$/);
  });
}
