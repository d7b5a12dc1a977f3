import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { observe } from "../../instrumentations/observe.ts";

test("observe keeps what a handler throws from the publisher and from the process", async (t) => {
  const uncaught = t.mock.fn();
  process.once("uncaughtException", uncaught);
  const seen: number[] = [];
  observe<{ n: number }>("redtrail:test", ({ n }) => {
    seen.push(n);
    throw new Error("no luck");
  });
  channel("redtrail:test").publish({ n: 1 });
  channel("redtrail:test").publish({ n: 2 });
  await turn();
  process.off("uncaughtException", uncaught);
  assert.deepEqual(seen, [1, 2]);
  assert.equal(uncaught.mock.callCount(), 0);
});
