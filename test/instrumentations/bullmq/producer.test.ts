// Calls that BullMQ takes, or refuses, though they cannot be described.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
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

interface Carrier {
  readonly telemetry?: { readonly metadata?: string };
}
const carriedIn = (options: unknown): Record<string, string> =>
  JSON.parse((options as Carrier).telemetry?.metadata ?? "") as Record<string, string>;

test("A job that is passed on with its own options is of the passing request, but for the old request id", async () => {
  const old = { traceparent: "old", TraceState: "a=b", tenant: "acme", "x-request-id": "old-id", "x-sent-at": "1" };
  const options = Object.freeze({ delay: 5, telemetry: Object.freeze({ metadata: JSON.stringify(old) }) });
  for (const passOn of [
    async () => (await new Queue().add("again", {}, options))[2],
    async () => ((await new Queue().addBulk([{ name: "again", opts: options }]))[0] as { opts: unknown }[])[0]?.opts,
  ]) {
    const passed = await passOn();
    const [span] = take();
    const { traceId, spanId } = span?.spanContext() ?? {};
    const { "x-sent-at": sentAt, ...carried } = carriedIn(passed);
    assert.deepEqual(carried, {
      tenant: "acme",
      "x-request-id": "old-id",
      traceparent: `00-${traceId}-${spanId}-03`,
    });
    assert.ok(Number(sentAt) > 1);
    assert.equal((passed as typeof options).delay, 5);
  }
});

test("While tracing is suppressed a job is added as it is", async () => {
  const [, , options] = await context.with(suppressTracing(context.active()), () => new Queue().add("a", {}));
  assert.equal(options, undefined);
  assert.deepEqual(take(), []);
});

test("Options that are null stay harmless", async () => {
  const [name, data, options] = await new Queue().add("a", {}, null);
  assert.deepEqual([name, data], ["a", {}]);
  assert.match(JSON.stringify(options), /traceparent/);
  assert.equal(take().length, 1);
});
