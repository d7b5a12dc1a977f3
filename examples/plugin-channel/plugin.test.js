// node --test
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { assertContract, startTestKit } from "redtrail/testing";
import { order } from "./orders.js";
import plugin from "./plugin.mjs";

const kit = startTestKit({ plugins: [plugin] });
after(() => kit.stop());

test("an order is a span of its own and counted", async () => {
  await kit.inSpan("request", () => order("book"));
  assert.equal(kit.tree(), "INTERNAL request\n  CLIENT order book");
  const [metric] = await kit.metrics();
  assert.deepEqual(metric.points, [{ attributes: { article: "book", failed: false }, value: 1 }]);
});

test("the app sees no difference, and the trace is whole", () =>
  assertContract(kit, {
    succeeds: () => order("book"),
    result: "one book",
    fails: () => order("nothing"),
    error: "nothing of that",
    kind: "CLIENT",
  }));
