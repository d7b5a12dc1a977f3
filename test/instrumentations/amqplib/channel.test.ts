// What of amqplib's instrumentation needs no broker: the size of a frame, and what a channel is given.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import test, { after } from "node:test";
import { watchChannel } from "../../../instrumentations/amqplib/index.ts";
import { propertiesSize } from "../../../instrumentations/amqplib/table-size.ts";
import type { Channel, Properties } from "../../../instrumentations/amqplib/types.ts";
import { sharedMessaging } from "../../../src/messaging/shared.ts";
import { recordSpans } from "../../support/spans.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

const require = createRequire(import.meta.url);
// The package does not export it.
const { encodeProperties, BasicProperties } = require(join(dirname(require.resolve("amqplib")), "lib/defs.js")) as {
  BasicProperties: number;
  encodeProperties(id: number, channel: number, size: number, properties: object): Uint8Array;
};
const { tracer, take, stop } = recordSpans();
after(stop);
const messaging = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;

/** As RabbitMQ adds to a message each time that it is dead-lettered. */
const deaths = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    count: 1,
    exchange: `orders-${index}`,
    queue: `orders-${index}`,
    reason: "rejected",
    time: { "!": "timestamp", value: 1_795_600_000 },
    "routing-keys": [`orders.created.eu.${index}`],
  }));

for (const [what, headers] of [
  ["none", {}],
  ["texts", { tenant: "a", ünï: "çödé", empty: "" }],
  ["what has no value", { none: null, missing: undefined, yes: true }],
  ["bytes", { bytes: Buffer.alloc(300) }],
  ["tables in lists in tables", { "x-death": deaths(5), CC: ["a", "b"] }],
  ["what is inherited", Object.create({ tenant: "a" }) as object],
  [
    "numbers",
    { numbers: [0, 127, 128, -128, -129, 32_767, 32_768, -32_769, 2 ** 31 - 1, 2 ** 31, 2 ** 60, 0.5, 1e300] },
  ],
  ["numbers of a type", { long: { "!": "int64", value: 5 }, text: { "!": "string", value: "a" } }],
] as const) {
  test(`A frame of properties and ${what} has the size that amqplib gives it`, () => {
    const properties = { contentType: "text/plain", messageId: "m".repeat(255), priority: 1, timestamp: 7, headers };
    const { length } = encodeProperties(BasicProperties, 1, 10, properties);
    // The priority is one byte, and taken for eight.
    assert.equal(propertiesSize(properties), length + 7);
  });
}

test("What cannot be sized has no room beside it", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = [circle];
  for (const value of [() => {}, 7n, circle]) assert.equal(propertiesSize({ headers: { value } }), Infinity);
});

/** A channel that keeps what it sends, and gives what it delivers to its listener. */
function createChannel(frameMax: number, listener: unknown = () => {}): { channel: Channel; sent: Properties[] } {
  const sent: Properties[] = [];
  class FakeChannel {
    readonly connection = { frameMax };
    readonly consumers = new Map([["tag", listener]]);
    sendMessage(_fields: object, properties: Properties): void {
      sent.push(properties);
    }
    dispatchMessage(_fields: object, message: object | null): unknown {
      return (this.consumers.get("tag") as (message: object | null) => unknown)(message);
    }
  }
  watchChannel(FakeChannel.prototype, { tracer, messaging });
  assert.deepEqual(Object.keys(FakeChannel.prototype), []);
  return { channel: new FakeChannel() as unknown as Channel, sent };
}

test("A message whose headers fill a frame, nested ones too, goes without ours, and is counted", () => {
  const { channel, sent } = createChannel(8192);
  const before = sharedMessaging.counts.bareMessages;
  for (const [count, isBare] of [
    [1, false],
    [56, false],
    [57, true],
    // Too large by itself: the app's own affair.
    [61, true],
  ] as const) {
    const own = { headers: { "x-death": deaths(count) }, messageId: "m".repeat(255), correlationId: "c".repeat(255) };
    channel.sendMessage({ routingKey: "orders" }, own, Buffer.from("x"));
    const given = sent.pop();
    assert.equal(given === own, isBare, `${count}`);
    assert.equal(encodeProperties(BasicProperties, 1, 1, given as object).length <= 8192, count < 61, `${count}`);
  }
  assert.equal(sharedMessaging.counts.bareMessages - before, 2);
  take();
});

const message = { fields: { consumerTag: "tag", routingKey: "orders" }, properties: {}, content: Buffer.from("x") };

test("A listener that handles its own promise and returns it leaves no rejection behind", async () => {
  const seen = await unhandledDuring(() => {
    const { channel } = createChannel(8192, () => {
      const work = Promise.reject(new Error("poison"));
      work.catch(() => {});
      return work;
    });
    channel.dispatchMessage(message.fields, message);
  });
  assert.deepEqual(seen, []);
  assert.equal(take().length, 1);
});

test("An async listener is measured until it is done", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { channel } = createChannel(8192, async () => promise);
  const result = channel.dispatchMessage(message.fields, message) as Promise<void>;
  assert.equal(take().length, 0);
  resolve();
  await result;
  assert.equal(take()[0]?.name, "process orders");
});

test("Channels of other versions are left alone, and that is said", () => {
  class Other {
    publish(): void {}
  }
  watchChannel(Other.prototype, { tracer, messaging });
  assert.deepEqual(Object.getOwnPropertyNames(Other.prototype), ["constructor", "publish"]);
});
