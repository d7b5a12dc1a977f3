// While tracing is suppressed a message leaves as the app has made it, without so much as an empty place for headers.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import test, { after } from "node:test";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { headers } from "nats";
import { watchChannel } from "../../instrumentations/amqplib/index.ts";
import { watchQueue } from "../../instrumentations/bullmq/producer.ts";
import { watchClient } from "../../instrumentations/mqtt/index.ts";
import { createProducer } from "../../instrumentations/nats/producer.ts";
import { MESSAGING_DEFAULTS } from "../../src/messaging/public.ts";
import { recordSpans } from "../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);
const host = { tracer, messaging: MESSAGING_DEFAULTS };

/** What a method of a library was given. */
let sent: readonly unknown[] = [];
function note(...args: readonly unknown[]): void {
  sent = args;
}

class Client extends EventEmitter {
  readonly options = { protocolVersion: 5 };
  publish(...args: unknown[]): void {
    note(...args);
  }
}
class Channel {
  readonly consumers = new Map();
  dispatchMessage(): void {}
  sendMessage(...args: unknown[]): void {
    note(...args);
  }
}
class Protocol {
  readonly info = { headers: true };
  publish(...args: unknown[]): void {
    note(...args);
  }
}
class Queue {
  readonly name = "orders";
  async add(...args: unknown[]): Promise<object> {
    note(...args);
    return {};
  }
  addBulk(): void {}
}
watchClient(Client.prototype, host);
watchChannel(Channel.prototype, host);
createProducer(host, () => headers).watchProtocol(Protocol.prototype);
watchQueue(Queue.prototype, host);

const PROPERTIES = { deliveryMode: 2 };
for (const [library, owner, method, args] of [
  ["mqtt", new Client(), "publish", ["orders", "a", undefined, undefined]],
  ["amqplib", new Channel(), "sendMessage", [{ exchange: "", routingKey: "orders" }, PROPERTIES, Buffer.from("a")]],
  ["nats", new Protocol(), "publish", ["orders", Buffer.from("a")]],
  ["bullmq", new Queue(), "add", ["a", {}, undefined]],
] as const) {
  const send = async (): Promise<unknown> =>
    (owner as unknown as Record<string, (...given: unknown[]) => unknown>)[method]?.(...args);

  test(`${library}: a message leaves as it is while tracing is suppressed, and with headers otherwise`, async () => {
    await context.with(suppressTracing(context.active()), send);
    assert.deepEqual(sent, args);
    assert.equal(take().length, 0);
    await send();
    assert.notDeepEqual(sent, args);
    assert.equal(take().length, 1);
  });
}
