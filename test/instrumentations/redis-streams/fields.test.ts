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
  [
    "an entry of a stream that is trimmed",
    ["orders", "nomkstream", "MAXLEN", "~", 9, "LIMIT", 1, "1-*", "item", "7"],
    ALL,
  ],
  ["an entry of a stream that is trimmed by id", ["orders", "MINID", "1-0", "*", "item", "7"], ALL],
  ["no fields", ["orders", "*"], []],
  ["no fields of a stream that is trimmed", ["orders", "MAXLEN", "=", "1000", "*"], []],
  ["a field without a value", ["orders", "*", "item", "7", "odd"], []],
  ["nothing", [], []],
] as const) {
  test(`fieldsFor ${what}`, () => {
    assert.deepEqual(fieldsFor(args, HEADERS), added);
  });
}
