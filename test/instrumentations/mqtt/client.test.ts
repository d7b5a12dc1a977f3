// What of the instrumentation of MQTT needs no broker: what fits, and what listeners return.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import test, { after } from "node:test";
import { watchClient } from "../../../instrumentations/mqtt/index.ts";
import { sharedMessaging } from "../../../src/messaging/shared.ts";
import { recordSpans } from "../../support/spans.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

type UserProperties = Record<string, string | string[]>;
interface Options {
  readonly properties?: { readonly userProperties?: UserProperties; readonly correlationData?: Uint8Array };
}
type Done = (error?: Error) => void;

class Client extends EventEmitter {
  readonly options = { protocolVersion: 5 };
  readonly sent: (Options | undefined)[] = [];
  publish(topic: unknown, _message: string, options?: Options, done?: Done): this {
    if (typeof topic !== "string") throw new TypeError("no topic");
    this.sent.push(options);
    done?.();
    return this;
  }
}
watchClient(Client.prototype, { tracer, messaging: { mode: "auto", modes: {}, linkAfterMs: 60_000 } });

/** Bytes of a packet of QoS 0 (MQTT 5, 3.3). */
function packetSize(topic: string, message: string, { properties = {} }: Options = {}): number {
  const { userProperties = {}, correlationData } = properties;
  let inside = correlationData === undefined ? 0 : 3 + correlationData.length;
  for (const [name, value] of Object.entries(userProperties)) {
    for (const one of [value].flat()) inside += 5 + Buffer.byteLength(name) + Buffer.byteLength(one);
  }
  const lengthOf = (bytes: number): number => (bytes < 128 ? 1 : bytes < 16_384 ? 2 : 3);
  const rest = 2 + Buffer.byteLength(topic) + lengthOf(inside) + inside + Buffer.byteLength(message);
  return 1 + lengthOf(rest) + rest;
}

test("A message that the broker takes without our headers is taken, whatever properties the app has itself", () => {
  const LIMIT = 10_000;
  const client = new Client();
  client.emit("connect", { properties: { maximumPacketSize: LIMIT } });
  const before = sharedMessaging.counts.bareMessages;
  const options: Options = {
    properties: { userProperties: { app: "ü".repeat(1000), list: ["a", "b"] }, correlationData: Buffer.alloc(2000) },
  };
  const empty = packetSize("orders", "", options);
  for (let room = 0; room <= 400; room += 20) {
    const message = "x".repeat(LIMIT - empty - room);
    client.publish("orders", message, options);
    const sent = client.sent.pop();
    assert.ok(packetSize("orders", message, sent) <= LIMIT, `${room}`);
    if (room === 0) assert.equal(sent, options);
    if (room === 400) assert.ok("traceparent" in (sent?.properties?.userProperties ?? {}));
  }
  assert.ok(sharedMessaging.counts.bareMessages - before >= 5);
  take();
});

test("A call that cannot be made fails as ever, and calls its callback once", () => {
  const client = new Client();
  assert.throws(() => client.publish(undefined, "x"), /^TypeError: no topic$/);
  let calls = 0;
  assert.equal(
    client.publish("orders", "x", {}, () => calls++),
    client,
  );
  assert.equal(calls, 1);
  assert.deepEqual(
    take().map(({ attributes }) => attributes["error.type"]),
    ["TypeError", undefined],
  );
});

test("Listeners' rejections are what they are without us: each unhandled once, or handled by the app", async () => {
  const client = new Client();
  client.on("message", () => {
    const work = Promise.reject(new Error("handled"));
    work.catch(() => {});
    return work;
  });
  client.on("message", async () => {
    throw new Error("one");
  });
  client.once("message", async () => {
    throw new Error("two");
  });
  const unhandled = await unhandledDuring(() => {
    assert.equal(client.emit("message", "orders", Buffer.from("x"), {}), true);
  });
  assert.deepEqual(
    unhandled.map(({ reason }) => (reason as Error).message),
    ["one", "two"],
  );
  assert.equal(client.listenerCount("message"), 2);
  const [span, ...more] = take();
  assert.equal(span?.status.message, "one");
  assert.deepEqual(more, []);
});

test("A listener that throws throws into the client, and those behind it are not called", () => {
  const client = new Client();
  let calls = 0;
  client.on("message", () => {
    calls++;
    throw new Error("poison");
  });
  client.on("message", () => calls++);
  assert.throws(() => client.emit("message", "orders", Buffer.from("x"), {}), /^Error: poison$/);
  assert.equal(calls, 1);
  assert.equal(take().length, 1);
});

test("A message that cannot be described reaches its listeners", () => {
  const client = new Client();
  const seen: unknown[] = [];
  Object.defineProperty(client, "_resubscribeTopics", { value: { "a/+": {} } });
  client.on("message", (topic) => seen.push(topic));
  client.emit("message", undefined, Buffer.from("x"));
  assert.deepEqual(seen, [undefined]);
});
