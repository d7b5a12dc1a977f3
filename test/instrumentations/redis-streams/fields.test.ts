import assert from "node:assert/strict";
import test from "node:test";
import { fieldsFor } from "../../../instrumentations/redis-streams/fields.ts";

const HEADERS = { traceparent: "t", "x-request-id": "r", "x-sent-at": "1" };
const ALL = ["traceparent", "t", "x-request-id", "r", "x-sent-at", "1"];

for (const [what, args, added] of [
  ["an entry", ["orders", "*", "item", "7"], ALL],
  ["an entry of bytes", [Buffer.from("orders"), "*", Buffer.from("item"), Buffer.from([255, 0])], ALL],
  [
    "an entry with a request id of its own",
    ["orders", "*", "x-request-id", "mine"],
    ["traceparent", "t", "x-sent-at", "1"],
  ],
  ["an entry that is passed on", ["orders", "*", ...ALL], []],
  ["an entry with a trace of its own, as bytes", ["orders", "*", Buffer.from("traceparent"), "own"], []],
] as const) {
  test(`fieldsFor ${what}`, () => {
    assert.deepEqual(fieldsFor(args, HEADERS), added);
  });
}
