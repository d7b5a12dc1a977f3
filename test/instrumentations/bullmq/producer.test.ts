// Calls that BullMQ takes, or refuses, though they cannot be described.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { watchFlowProducer, watchQueue } from "../../../instrumentations/bullmq/producer.ts";
import { recordSpans } from "../../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

type Given = readonly unknown[];
class Queue {
  readonly name = "orders";
  async add(...args: Given): Promise<Given> {
    return args;
  }
  async addBulk(...args: Given): Promise<Given> {
    if ((args[0] as unknown[])[0] === null) throw new RangeError("no job");
    return args;
  }
}
class Flows {
  async add(...args: Given): Promise<Given> {
    if (args[0] === undefined) throw new RangeError("no flow");
    return args;
  }
  async addBulk(...args: Given): Promise<Given> {
    if (args[0] === undefined) throw new RangeError("no flows");
    return args;
  }
}
watchQueue(Queue.prototype, { tracer });
watchFlowProducer(Flows.prototype, { tracer });

test("What BullMQ refuses is refused by a rejection, as it does it", async () => {
  // A call that throws would fail the test here.
  const refused = [new Flows().add(), new Flows().addBulk(), new Queue().addBulk([null])];
  for (const one of refused) await assert.rejects(one, RangeError);
  take();
});

test("A flow whose children are null is a flow without children", async () => {
  const flow = { name: "a", queueName: "orders", data: {}, children: null };
  const [given] = (await new Flows().add(flow)) as [typeof flow & { opts: { telemetry: { metadata: string } } }];
  assert.equal(given.children, null);
  assert.match(given.opts.telemetry.metadata, /traceparent/);
  assert.equal(take()[0]?.name, "add orders");
});

test("Options that are null stay harmless", async () => {
  const [name, data, options] = await new Queue().add("a", {}, null);
  assert.deepEqual([name, data], ["a", {}]);
  assert.match(JSON.stringify(options), /traceparent/);
  assert.equal(take().length, 1);
});
