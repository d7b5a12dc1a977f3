import assert from "node:assert/strict";
import test from "node:test";
import { type Exemplar, type Origin, originOf, updateExemplar } from "../../src/metrics/exemplar.ts";
import { NOW_S, span } from "./span.ts";

function origin(time: number, failed: boolean): Origin {
  return { time, traceId: String(time), spanId: "s", requestId: undefined, failed };
}

/** Old failed, new failed, seconds between them, and which is kept. */
for (const [old, next, seconds, kept] of [
  [false, false, 1, "new"],
  [false, true, 1, "new"],
  [true, true, 1, "new"],
  [true, false, 59, "old"],
  [true, false, 60, "new"],
] as const) {
  test(`updateExemplar keeps the ${kept} one of ${old ? "a failed" : "a good"} one and ${next ? "a failed" : "a good"} one ${seconds} s later`, () => {
    const before = updateExemplar(undefined, 1, origin(NOW_S, old));
    before.text = "made of it";
    const after = updateExemplar(before, 2, origin(NOW_S + seconds, next));
    assert.equal(after.value, kept === "old" ? 1 : 2);
    assert.equal(after.text, kept === "old" ? "made of it" : undefined);
  });
}

test("originOf is read before the next call, and what is made of it is a copy", () => {
  const first = updateExemplar(undefined, 1, originOf(span({ traceId: "a" }), "always_on", false) as Origin);
  const second = updateExemplar(undefined, 1, originOf(span({ traceId: "b" }), "always_on", false) as Origin);
  assert.deepEqual(
    [first, second].map(({ traceId }: Exemplar) => traceId),
    ["a", "b"],
  );
});

for (const [requestId, expected] of [
  ["r-1", "r-1"],
  [42, undefined],
  [undefined, undefined],
] as const) {
  test(`originOf takes ${JSON.stringify(requestId)} for the request id ${expected}`, () => {
    const attributes = requestId === undefined ? {} : { "http.request.id": requestId };
    assert.equal(originOf(span({ attributes }), "trace_based", false)?.requestId, expected);
  });
}

for (const [title, seconds, isKept] of [
  ["the last that a Date can be", 8.64e12 - 1, true],
  ["one after it", 8.64e12, false],
  ["Infinity", Infinity, false],
  ["none", Number.NaN, false],
  ["1970", 0, true],
] as const) {
  test(`originOf ${isKept ? "takes" : "leaves out"} a span whose end is ${title}`, () => {
    assert.equal(originOf(span({ endS: seconds }), "always_on", false) !== undefined, isKept);
  });
}
