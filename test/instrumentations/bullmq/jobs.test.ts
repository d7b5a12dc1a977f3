import assert from "node:assert/strict";
import test from "node:test";
import { readMetadata, withMetadata } from "../../../instrumentations/bullmq/metadata.ts";
import { headersOf } from "../../../instrumentations/bullmq/worker.ts";

const HEADERS = { traceparent: "t", "x-sent-at": "1000" };
const METADATA = JSON.stringify(HEADERS);

for (const [what, job, headers] of [
  ["a job of ours", { timestamp: 1, opts: { telemetry: { metadata: METADATA } } }, HEADERS],
  [
    "a delayed job of ours",
    { opts: { delay: 500, telemetry: { metadata: METADATA } } },
    { ...HEADERS, "x-sent-at": "1500" },
  ],
  ["a delayed job of a stranger", { timestamp: 20, opts: { delay: 5 } }, { "x-sent-at": "25" }],
  [
    "a job of bullmq-otel",
    { timestamp: 20, opts: { telemetry: { metadata: '{"traceparent":"t"}' } } },
    { traceparent: "t", "x-sent-at": "20" },
  ],
  ["a flow's parent", { timestamp: 20, opts: { telemetry: { metadata: '{"x-sent-at":""}' } } }, { "x-sent-at": "" }],
  ["metadata that is none", { timestamp: 20, opts: { telemetry: { metadata: "nonsense" } } }, { "x-sent-at": "20" }],
  ["nothing", {}, {}],
] as const) {
  test(`headersOf: ${what}`, () => {
    assert.deepEqual(headersOf(job), headers);
  });
}

test("withMetadata leaves the app's options as they are, and alone where the app has decided or the job repeats", () => {
  const options = Object.freeze({ delay: 1, telemetry: Object.freeze({}) });
  const added = withMetadata(options, HEADERS);
  assert.deepEqual(added, { delay: 1, telemetry: { metadata: METADATA } });
  assert.deepEqual(readMetadata(added), HEADERS);
  assert.deepEqual(options, { delay: 1, telemetry: {} });
  for (const own of [
    { telemetry: { omitContext: true } },
    { telemetry: { metadata: "own" } },
    { repeat: { every: 1 } },
  ])
    assert.equal(withMetadata(own, HEADERS), own);
});
