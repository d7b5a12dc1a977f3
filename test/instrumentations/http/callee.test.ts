// What a response says of the service that made it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hearCallee, responseTimeOf, servingSpanOf } from "../../../instrumentations/http/callee.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const TIMES: readonly (readonly [string, number | undefined])[] = [
  ["12", 0.012],
  ["12.345ms", 0.012345],
  ["12 ms", 0.012],
  ["0.012s", 0.012],
  ["0", 0],
  ["3600000", 3600],
  ["3600s", 3600],
  ["3600001", undefined],
  ["3600.1s", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  [".5s", undefined],
  ["12us", undefined],
  ["12, 13", undefined],
  ["Infinity", undefined],
  ["", undefined],
  ["9".repeat(400), undefined],
];

for (const [text, seconds] of TIMES) {
  test(`responseTimeOf reads "${text.slice(0, 20)}" as ${seconds} seconds`, () => {
    assert.equal(responseTimeOf(text), seconds);
  });
}

const OURS = `trace;desc=00-${TRACE}-${SPAN}-01`;
const TIMINGS: readonly (readonly [string, string, boolean])[] = [
  ["ours", OURS, true],
  ["that of others, in quotes", `traceparent;desc="00-${TRACE}-${SPAN}-01"`, true],
  ["one among others", `db;dur=53, ${OURS}, cache;desc="hit"`, true],
  ["one that is too far behind", `${"a;dur=1,".repeat(300)}${OURS}`, false],
  ["a name that only ends so", `my${OURS}`, false],
  ["a trace of zeros", `trace;desc=00-${"0".repeat(32)}-${SPAN}-01`, false],
  ["upper case", `trace;desc=00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
  ["no trace", "db;dur=53", false],
];

for (const [what, text, isFound] of TIMINGS) {
  test(`servingSpanOf ${isFound ? "finds" : "leaves"} ${what}`, () => {
    const found = servingSpanOf(text);
    assert.equal(found?.spanId, isFound ? SPAN : undefined);
    if (isFound) assert.deepEqual(found, { traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
  });
}

for (const [form, headers] of [
  ["a list of texts", ["Date", "now", "X-Response-Time", "12ms", "Server-Timing", OURS]],
  ["a list of bytes", ["date", "now", "x-response-time", "12ms", "server-timing", OURS].map((one) => Buffer.from(one))],
  ["a list with lists", ["server-timing", ["db;dur=5", OURS], "x-response-time", "12ms"]],
  ["an object", { date: "now", "x-response-time": "12ms", "server-timing": OURS }],
] as const) {
  test(`hearCallee reads ${form}`, () => {
    const heard: string[] = [];
    hearCallee(headers, {
      responseTime: (value) => heard.push(value),
      serverTiming: (value) => heard.push(String(servingSpanOf(value)?.spanId)),
    });
    assert.deepEqual(heard.toSorted(), ["12ms", SPAN]);
  });
}

test("hearCallee hears nothing of other headers, and of none", () => {
  const listener = { responseTime: assert.fail, serverTiming: assert.fail };
  for (const headers of [["Cache-Control", "no-store", "Last-Modified", "now"], {}, undefined, null]) {
    hearCallee(headers, listener);
  }
});
