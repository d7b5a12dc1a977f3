// The store in Redis over a connection that the test drives by hand: order, deadlines, the breaker, and what is dropped. Real servers: test/servers.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type StoredTrace, createRecordCodec } from "../../src/trace-store/record.ts";
import type { RedisConnection } from "../../src/trace-store/redis-client.ts";
import { createRedisStore } from "../../src/trace-store/redis.ts";
import type { TraceStore } from "../../src/trace-store/store.ts";

const TRACE: StoredTrace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "a",
};
const codec = createRecordCodec("default", undefined);
const RECORD = codec.encode("", TRACE);

class Connection implements RedisConnection {
  readonly sent: string[] = [];
  readonly ready: () => void;
  readonly down: (error: unknown) => void;
  isDestroyed = false;
  #waiting: { resolve: (reply: unknown) => void; reject: (error: unknown) => void }[] = [];

  constructor(ready: () => void, down: (error: unknown) => void) {
    this.ready = ready;
    this.down = down;
  }

  readonly send = (command: readonly string[]): Promise<unknown> => {
    this.sent.push(command.join(" "));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  answer(reply: unknown): void {
    this.#waiting.shift()?.resolve(reply);
  }

  refuse(message: string): void {
    this.#waiting.shift()?.reject(new Error(message));
  }

  destroy(): void {
    this.isDestroyed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("Disconnects client"));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Bench {
  readonly store: TraceStore;
  readonly opened: Connection[];
  connection(): Connection;
}

/** With timers of the test's own, and the clock with them. */
async function bench(t: TestContext): Promise<Bench> {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const tick = t.mock.timers.tick.bind(t.mock.timers);
  t.mock.timers.tick = (ms) => {
    now += ms;
    tick(ms);
  };
  t.mock.method(process.stderr, "write", () => true);
  const opened: Connection[] = [];
  const store = createRedisStore({
    name: "redis://test",
    codec,
    ttlMs: 300_000,
    open(ready, down) {
      opened.push(new Connection(ready, down));
      return opened.at(-1) as Connection;
    },
  });
  await turn();
  return { store, opened, connection: () => opened.at(-1) as Connection };
}

async function ready(t: TestContext): Promise<Bench> {
  const made = await bench(t);
  made.connection().ready();
  made.connection().answer("");
  await turn();
  made.connection().sent.length = 0;
  return made;
}

test("The connection is tried with a command before it is used", async (t) => {
  const { store, connection } = await bench(t);
  store.set("a", TRACE);
  assert.deepEqual(connection().sent, []);
  assert.equal(store.stats.writes.unavailable, 1);
  connection().ready();
  assert.deepEqual(connection().sent, ["GETRANGE redtrail:v1:default:~ 0 256"]);
  assert.equal(store.stats.isAway, true);
  connection().answer("");
  await turn();
  assert.equal(store.stats.isAway, false);
});

test("What is asked while the first connection is opened waits for it", async (t) => {
  const { store, connection } = await bench(t);
  const found = store.get("a");
  connection().ready();
  connection().answer("");
  await turn();
  connection().answer(RECORD);
  assert.deepEqual(await found, TRACE);
});

test("Commands are one atomic SET that lets the first win, and a read of bounded length", async (t) => {
  const { store, connection } = await ready(t);
  store.set("a", TRACE);
  const found = store.get("a");
  assert.deepEqual(connection().sent, [
    `SET redtrail:v1:default:a ${RECORD} NX PX 300000`,
    "GETRANGE redtrail:v1:default:a 0 256",
  ]);
  assert.equal(store.stats.inFlight, 2);
  connection().answer("OK");
  connection().answer(RECORD);
  assert.deepEqual(await found, TRACE);
  assert.equal(store.stats.inFlight, 0);
});

for (const [what, reply, result] of [
  ["a record", RECORD, "hit"],
  ["nothing", "", "miss"],
  ["something else", "hello", "rejected"],
  ["a number", 7, "rejected"],
  ["a list", ["a"], "rejected"],
  ["nil", null, "rejected"],
] as const) {
  test(`An answer that is ${what} counts as ${result}`, async (t) => {
    const { store, connection } = await ready(t);
    const found = store.get("a");
    connection().answer(reply);
    assert.deepEqual(await found, result === "hit" ? TRACE : undefined);
    assert.equal(store.stats.reads[result], 1);
  });
}

test("A refusal is an error of this command, and the connection stays", async (t) => {
  const { store, opened, connection } = await ready(t);
  const found = store.get("a");
  store.set("b", TRACE);
  connection().refuse("WRONGTYPE Operation against a key holding the wrong kind of value");
  connection().refuse("OOM command not allowed");
  assert.equal(await found, undefined);
  await turn();
  assert.deepEqual([store.stats.reads.error, store.stats.writes.error], [1, 1]);
  assert.equal(store.stats.isAway, false);
  assert.equal(opened.length, 1);
});

test("What is not answered within a second ends the connection, and all that wait with it", async (t) => {
  const { store, connection } = await ready(t);
  const found = [store.get("a"), store.get("b")];
  store.set("c", TRACE);
  t.mock.timers.tick(999);
  assert.equal(store.stats.isAway, false);
  t.mock.timers.tick(1);
  assert.deepEqual(await Promise.all(found), [undefined, undefined]);
  await turn();
  assert.equal(connection().isDestroyed, true);
  assert.deepEqual([store.stats.reads.timeout, store.stats.writes.timeout, store.stats.inFlight], [2, 1, 0]);
  assert.equal(store.stats.isAway, true);
});

test("The deadline is each command's own", async (t) => {
  const { store, connection } = await ready(t);
  void store.get("a");
  t.mock.timers.tick(600);
  void store.get("b");
  connection().answer("");
  await turn();
  t.mock.timers.tick(900);
  assert.equal(store.stats.isAway, false);
  t.mock.timers.tick(100);
  assert.equal(store.stats.isAway, true);
});

test("While the store is away nothing is sent and nothing waits; after a pause it is asked again", async (t) => {
  const { store, opened, connection } = await ready(t);
  connection().down(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
  assert.equal(store.isPrompt(20), false);
  assert.equal(await store.get("a"), undefined);
  store.set("a", TRACE);
  assert.deepEqual([store.stats.reads.unavailable, store.stats.writes.unavailable], [1, 1]);
  t.mock.timers.tick(999);
  assert.equal(opened.length, 1);
  t.mock.timers.tick(501);
  assert.equal(opened.length, 2);
  assert.equal(await store.get("a"), undefined);
  connection().ready();
  connection().answer("");
  await turn();
  assert.equal(store.stats.isAway, false);
  store.set("a", TRACE);
  assert.equal(connection().sent.length, 2);
});

test("A connection that never becomes ready is given up after two seconds", async (t) => {
  const { opened } = await bench(t);
  t.mock.timers.tick(1_999);
  assert.equal(opened[0]?.isDestroyed, false);
  t.mock.timers.tick(1);
  assert.equal(opened[0]?.isDestroyed, true);
  t.mock.timers.tick(1_500);
  assert.equal(opened.length, 2);
});

test("A server that refuses the trial is away", async (t) => {
  const { store, connection } = await bench(t);
  connection().ready();
  connection().refuse("NOAUTH Authentication required.");
  await turn();
  assert.equal(store.stats.isAway, true);
});

test("What an earlier connection still says is no news", async (t) => {
  const { store, opened, connection } = await ready(t);
  connection().down(new Error("x"));
  t.mock.timers.tick(1_500);
  connection().ready();
  connection().answer("");
  await turn();
  opened[0]?.down(new Error("late"));
  assert.equal(store.stats.isAway, false);
});

test("A thousand commands may wait; what is beyond is dropped and counted", async (t) => {
  const { store } = await ready(t);
  for (let i = 0; i < 1_005; i++) store.set(`a${i}`, TRACE);
  assert.equal(await store.get("b"), undefined);
  assert.deepEqual([store.stats.inFlight, store.stats.writes.dropped, store.stats.reads.dropped], [1_000, 5, 1]);
});

test("A store is prompt when it has been, and nothing waits for longer than the budget", async (t) => {
  const { store, connection } = await ready(t);
  assert.equal(store.isPrompt(20), true);
  const first = store.get("a");
  t.mock.timers.tick(20);
  assert.equal(store.isPrompt(20), true);
  t.mock.timers.tick(1);
  assert.equal(store.isPrompt(20), false);
  connection().answer("");
  await first;
  assert.equal(store.isPrompt(20), false, "its last answer was late");
  const second = store.get("a");
  connection().answer("");
  await second;
  assert.equal(store.isPrompt(20), true);
});

test("flush waits for what is on its way, and for no longer than it may", async (t) => {
  const { store, connection } = await ready(t);
  await store.flush(250);
  store.set("a", TRACE);
  const answered = store.flush(250);
  connection().answer("OK");
  await answered;
  store.set("a", TRACE);
  const unanswered = store.flush(250);
  t.mock.timers.tick(250);
  await unanswered;
});
