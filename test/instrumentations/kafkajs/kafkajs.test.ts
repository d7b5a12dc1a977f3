// What of kafkajs' instrumentation needs no broker: what it makes of the app's objects, and of calls that kafkajs refuses.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { watchKafka } from "../../../instrumentations/kafkajs/index.ts";
import type { Kafka, RunConfig, TopicMessages } from "../../../instrumentations/kafkajs/types.ts";
import { withProperties } from "../../../instrumentations/kafkajs/with-properties.ts";
import { recordSpans } from "../../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

const messaging = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;

/** A Kafka whose producer keeps what it is given, and whose consumer what it is run with. */
function fakeKafka(): { kafka: Kafka; sent: unknown[]; runs: (RunConfig | null | undefined)[] } {
  const sent: unknown[] = [];
  const runs: (RunConfig | null | undefined)[] = [];
  const sender = {
    send: async (record: TopicMessages) => {
      sent.push(record);
      return [{ partition: 3, baseOffset: "42" }];
    },
    sendBatch: async (batch: unknown) => sent.push(batch),
  };
  const kafka: Kafka = {
    producer: () => ({ ...sender, transaction: async () => ({ ...sender }) }),
    consumer: () => ({
      run: async (config?: RunConfig | null) => {
        runs.push(config);
      },
    }),
  };
  watchKafka(kafka, { tracer, messaging }, true);
  return { kafka, sent, runs };
}

test("What kafkajs refuses reaches it as it was", async () => {
  const { kafka, sent } = fakeKafka();
  const producer = kafka.producer();
  for (const record of [
    undefined,
    {},
    { topic: "a", messages: [null] },
    { topic: "a", messages: [] },
    { topic: "a", messages: [{ value: "a", headers: null }] },
    { topic: "a", messages: [{ key: "a" }] },
  ]) {
    await producer.send(record as TopicMessages);
    assert.equal(sent.pop(), record);
  }
  for (const batch of [undefined, {}, { topicMessages: [] }, { topicMessages: [undefined] }]) {
    await producer.sendBatch(batch as never);
    assert.deepEqual(sent.pop(), batch);
  }
  assert.equal(take().length, 0);
});

test("Messages with a class of their own keep it, and what it inherits", async () => {
  class Event {
    readonly headers = { own: "a" };
    get value(): string {
      return "body";
    }
  }
  const { kafka, sent } = fakeKafka();
  const event = Object.freeze(new Event());
  await kafka.producer().send({ topic: "orders", messages: [event] });
  const [message] = (sent[0] as { messages: Event[] }).messages;
  assert.ok(message instanceof Event);
  assert.equal(message.value, "body");
  assert.deepEqual(Object.keys(message.headers).toSorted(), ["own", "traceparent", "x-sent-at"]);
  assert.deepEqual(event.headers, { own: "a" });
  const [span] = take();
  assert.equal(span?.attributes["messaging.destination.partition.id"], "3");
  assert.equal(span.attributes["messaging.kafka.offset"], 42);
});

test("What is private to a message's class, or a batch's, is read on the app's own object", async () => {
  class Order {
    readonly #order: { readonly id: string; readonly tenant: string };
    constructor(order: { readonly id: string; readonly tenant: string }) {
      this.#order = order;
    }
    get key(): string {
      return this.#order.id;
    }
    get value(): string {
      return JSON.stringify(this.#order);
    }
    /** For a partitioner of the app's. */
    tenant(): string {
      return this.#order.tenant;
    }
  }
  class Batch {
    readonly #records: TopicMessages[];
    acks = -1;
    constructor(records: TopicMessages[]) {
      this.#records = records;
    }
    get topicMessages(): TopicMessages[] {
      return this.#records;
    }
  }
  const { kafka, sent } = fakeKafka();
  const order = Object.freeze(new Order({ id: "7", tenant: "a" }));
  await kafka.producer().sendBatch(Object.freeze(new Batch([{ topic: "orders", messages: [order] }])));
  const batch = sent[0] as Batch;
  const [message] = (batch.topicMessages[0]?.messages ?? []) as unknown as (Order & { headers?: object })[];
  assert.ok(batch instanceof Batch && message instanceof Order);
  assert.deepEqual(
    [batch.acks, message.key, message.value, message.tenant()],
    [-1, "7", '{"id":"7","tenant":"a"}', "a"],
  );
  assert.ok("traceparent" in (message.headers ?? {}));
  assert.deepEqual(Object.keys(order), []);
  take();
});

test("A handler's query is sent once, by us, in the message's span, and kafkajs waits for it", async () => {
  const { kafka, runs } = fakeKafka();
  let queries = 0;
  const query = {
    // oxlint-disable-next-line unicorn/no-thenable
    then(resolve: (result: string) => void): void {
      queries++;
      assert.equal(take().length, 0);
      resolve("done");
    },
  };
  await kafka.consumer({ groupId: "group-1" }).run({ eachMessage: () => query });
  const message = { offset: "7", value: null, headers: {} };
  assert.equal(await runs.pop()?.eachMessage?.({ topic: "orders", partition: 1, message }), "done");
  assert.equal(queries, 1);
  assert.equal(take().length, 1);
});

test("A payload that cannot be described reaches the handler as it is", async () => {
  const { kafka, runs } = fakeKafka();
  const seen: unknown[] = [];
  const handler = (payload: unknown): unknown => seen.push(payload);
  await kafka.consumer({ groupId: "group-1" }).run({ eachMessage: handler, eachBatch: handler });
  const config = runs.pop();
  for (const payload of [undefined, {}] as never[]) {
    config?.eachMessage?.(payload);
    config?.eachBatch?.(payload);
    assert.deepEqual(seen.splice(0), [payload, payload]);
  }
  assert.equal(take().length, 0);
});

test("A key becomes an attribute where it is short text", async () => {
  const { kafka } = fakeKafka();
  for (const [key, expected] of [
    ["order-1", "order-1"],
    [Buffer.from("order-2"), "order-2"],
    [Buffer.from([0, 255]), undefined],
    ["k".repeat(256), "k".repeat(256)],
    ["k".repeat(257), undefined],
    [null, undefined],
  ] as const) {
    await kafka.producer().send({ topic: "orders", messages: [{ key, value: "a" }] });
    assert.equal(take()[0]?.attributes["messaging.kafka.message.key"], expected);
  }
});

test("A consumer is run with what the app gave, handlers aside; a handler keeps its this and its result", async () => {
  const { kafka, runs } = fakeKafka();
  const consumer = kafka.consumer({ groupId: "group-1" });
  for (const config of [undefined, null]) {
    await consumer.run(config);
    assert.equal(runs.pop(), config);
  }
  const config = Object.freeze({
    autoCommit: false,
    eachBatch: null,
    eachMessage(this: unknown, payload: unknown) {
      return [this, payload];
    },
  });
  await consumer.run(config);
  const run = runs.pop() as Required<RunConfig> & { autoCommit: boolean };
  assert.equal(run.autoCommit, false);
  assert.equal(run.eachBatch, null);
  const runner = {};
  const payload = { topic: "orders", partition: 1, message: { offset: "7", value: null, headers: {} } };
  const [self, given] = run.eachMessage?.call(runner, payload) as unknown[];
  assert.equal(self, runner);
  assert.equal(given, payload);
  const [span] = take();
  assert.equal(span?.attributes["messaging.kafka.message.tombstone"], true);
  assert.equal(span.attributes["messaging.consumer.group.name"], "group-1");
});

test("withProperties leaves the given object alone", () => {
  const given: { a: number; b: number } = Object.freeze({ a: 1, b: 2 });
  assert.deepEqual(withProperties(given, { b: 3 }), { a: 1, b: 3 });
  assert.deepEqual(given, { a: 1, b: 2 });
  assert.deepEqual({ ...withProperties(Object.create(null) as { c?: number }, { c: 1 }) }, { c: 1 });
});
