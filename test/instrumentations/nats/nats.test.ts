// What of the instrumentation of NATS needs no server: what fits, and calls that the library takes though they cannot be described.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { type MsgHdrs, headers } from "nats";
import { createConsumer } from "../../../instrumentations/nats/consumer.ts";
import { createProducer } from "../../../instrumentations/nats/producer.ts";
import { sharedMessaging } from "../../../src/messaging/shared.ts";
import { recordSpans } from "../../support/spans.ts";
import { unhandledDuring } from "../../support/unhandled.ts";

const { tracer, take, stop } = recordSpans();
after(stop);
const messaging = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;
const LIMIT = 10_000;

interface Options {
  readonly headers?: MsgHdrs | null;
  readonly msgID?: string;
}

/** The library encodes them so, though its types do not say it. */
function sizeOf(own: MsgHdrs | null | undefined): number {
  return (own as { encode?(): Uint8Array } | null | undefined)?.encode?.().length ?? 0;
}

/** A connection's protocol that keeps what it would write. */
class Protocol {
  readonly info = { headers: true, max_payload: LIMIT };
  readonly sent: { readonly size: number; readonly headers?: MsgHdrs | null | undefined }[] = [];
  publish(_subject: unknown, data: Uint8Array, options?: Options): void {
    this.sent.push({ size: data.length + sizeOf(options?.headers), headers: options?.headers });
  }
}
createProducer({ tracer }, () => headers).watchProtocol(Protocol.prototype);

test("A message that is taken without our headers is taken, whatever headers the app has itself", () => {
  const own = headers();
  own.set("app", "ü".repeat(2020));
  const length = sizeOf(own);
  const protocol = new Protocol();
  const before = sharedMessaging.counts.bareMessages;
  for (let room = 0; room <= 400; room += 20) {
    protocol.publish("orders", new Uint8Array(LIMIT - length - room), { headers: own });
    const sent = protocol.sent.pop();
    assert.ok(sent !== undefined && sent.size <= LIMIT, `${room}`);
    assert.equal(sent.headers?.has("app"), true);
    if (room === 0) assert.equal(sent.headers, own);
    if (room === 400) assert.ok(sent.headers?.has("traceparent"));
  }
  assert.ok(sharedMessaging.counts.bareMessages - before >= 5);
  take();
});

test("JetStream's options become headers too, and count", () => {
  const protocol = new Protocol();
  protocol.publish("orders", new Uint8Array(LIMIT - 400), { msgID: "m".repeat(300) });
  assert.equal(protocol.sent.pop()?.headers, undefined);
  take();
});

test("Headers that are null are none, and a subject that is no text is the library's affair", () => {
  const protocol = new Protocol();
  protocol.publish("orders", new Uint8Array(1), { headers: null });
  assert.ok(protocol.sent.pop()?.headers?.has("traceparent"));
  protocol.publish(5, new Uint8Array(1));
  assert.equal(protocol.sent.pop()?.headers, undefined);
  assert.deepEqual(
    take().map(({ name }) => name),
    ["publish orders"],
  );
});

type Callback = (this: unknown, error: unknown, message: object) => unknown;

/** A connection that gives its subscriptions back, as it was asked for them. */
class Connection {
  readonly protocol = {};
  subscribe(subject: unknown, options?: { readonly callback?: Callback }): [unknown, Callback | undefined] {
    return [subject, options?.callback];
  }
}
const consumer = createConsumer({ tracer, messaging });
consumer.watchConnection(Connection.prototype);
const message = { subject: "orders", data: new Uint8Array(1) };

test("A subscription that cannot be described is as it was asked for", () => {
  const callback = (): void => {};
  for (const subject of [5, undefined, null])
    assert.deepEqual(new Connection().subscribe(subject, { callback }), [subject, callback]);
});

test("A callback keeps its this and its error, and what it handles itself stays handled", async () => {
  const seen: unknown[][] = [];
  const subscription = {};
  const [, callback] = new Connection().subscribe("orders", {
    callback(...args) {
      seen.push([this, ...args]);
      const work = Promise.reject(new Error("poison"));
      work.catch(() => {});
      return work;
    },
  });
  const failure = new Error("timeout");
  const unhandled = await unhandledDuring(() => {
    callback?.call(subscription, null, message);
    callback?.call(subscription, failure, {});
    // What is none of ours to understand.
    callback?.call(subscription, null, undefined as never);
  });
  assert.deepEqual(unhandled, []);
  assert.deepEqual(seen, [
    [subscription, null, message],
    [subscription, failure, {}],
    [subscription, null, undefined],
  ]);
  assert.equal(take().length, 1);
});

test("A callback of JetStream's consumer has its messages for this", () => {
  class Messages {
    callback: ((message: object) => unknown) | null;
    stopped = false;
    constructor(callback: (this: Messages, message: object) => unknown) {
      this.callback = callback;
    }
    _push(item: object): void {
      this.callback?.(item);
    }
    stop(): void {
      this.stopped = true;
    }
  }
  consumer.watchConsumerMessages(Messages.prototype);
  const messages = new Messages(function receive() {
    this.stop();
  });
  messages._push({ ...message, didAck: false, msg: message, info: { timestampNanos: 0 } });
  assert.equal(messages.stopped, true);
  assert.equal(take()[0]?.name, "process orders");
});
