import assert from "node:assert/strict";
import test from "node:test";
import { findFilter } from "../../../instrumentations/mqtt/filters.ts";

for (const [topic, subscriptions, filter] of [
  ["a/b/c", ["a/+/c"], "a/+/c"],
  ["a/b/c", ["a/#"], "a/#"],
  ["a", ["a/#"], "a/#"],
  ["a/b", ["#"], "#"],
  ["a/b", ["$share/group/a/+"], "a/+"],
  ["a/b/c", ["x/#", "a/+", "a/b/+"], "a/b/+"],
  ["a/b/c", ["a/+"], undefined],
  ["b", ["a/#"], undefined],
  ["a/b", ["a/b"], undefined],
  ["a/b", [], undefined],
  ["a/b", [...Array.from({ length: 99 }, (_, index) => `x${index}/+`), "a/+"], "a/+"],
  ["a/b", [...Array.from({ length: 100 }, (_, index) => `x${index}/+`), "a/+"], undefined],
] as const) {
  test(`findFilter: ${topic} by ${subscriptions.slice(0, 3).join(" ")} (${subscriptions.length})`, () => {
    assert.equal(findFilter(topic, Object.fromEntries(subscriptions.map((one) => [one, { qos: 0 }]))), filter);
  });
}
