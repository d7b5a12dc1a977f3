import assert from "node:assert/strict";
import test, { after } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deliverMessage, processMessage, sendUntilDone } from "../../src/messaging/spans.ts";
import { recordSpans } from "../support/spans.ts";
import { unhandledDuring } from "../support/unhandled.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const SETTINGS = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;
const MESSAGE = { system: "rabbitmq", destination: "orders", headers: {} };

/** As a library does it that drops what its listeners return. */
function deliver(...listeners: (() => unknown)[]): void {
  deliverMessage(tracer, SETTINGS, MESSAGE, (returned) => {
    for (const listener of listeners) returned(listener, listener());
  });
}

test("A rejection that a listener's app handles itself stays handled", async () => {
  const seen = await unhandledDuring(() => {
    deliver(() => {
      const work = Promise.reject(new Error("poison"));
      work.catch(() => {});
      return work;
    });
  });
  assert.deepEqual(seen, []);
  assert.equal(take().length, 1);
});

test("A rejection that nobody handles is unhandled once, and is the app's own", async () => {
  let work: Promise<unknown> | undefined;
  const seen = await unhandledDuring(() => deliver(() => (work = Promise.reject(new Error("poison")))));
  assert.deepEqual(
    seen.map(({ promise }) => promise),
    [work],
  );
  assert.equal(take().length, 1);
});

test("An async listener is measured until its promise settles, and its rejection is unhandled once", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const reason = new TypeError("poison");
  const seen = await unhandledDuring(() => {
    deliver(async () => promise);
    assert.equal(take().length, 0);
    reject(reason);
  });
  assert.deepEqual(
    seen.map((one) => one.reason),
    [reason],
  );
  const [span, ...more] = take();
  assert.equal(span?.attributes["error.type"], "TypeError");
  assert.deepEqual(more, []);
});

test("Of several listeners the last to settle ends the span, and each rejection is unhandled once", async () => {
  const slow = Promise.withResolvers<void>();
  const seen = await unhandledDuring(async () => {
    deliver(
      async () => {
        throw new Error("one");
      },
      async () => {
        throw new Error("two");
      },
      async () => slow.promise,
    );
    await new Promise((done) => setImmediate(done));
    assert.equal(take().length, 0);
    slow.resolve();
  });
  assert.deepEqual(
    seen.map(({ reason }) => (reason as Error).message),
    ["one", "two"],
  );
  assert.equal(take()[0]?.status.message, "one");
});

test("A listener that throws ends the span when the others are done, and its library hears of it", async () => {
  assert.throws(
    () =>
      deliver(
        async () => {},
        () => {
          throw new Error("poison");
        },
      ),
    /poison/,
  );
  await new Promise((done) => setImmediate(done));
  assert.equal(take()[0]?.status.message, "poison");
});

test("A query that is sent when somebody waits for it is not sent by us", () => {
  let runs = 0;
  // oxlint-disable-next-line unicorn/no-thenable
  const query = { then: () => runs++ };
  deliver(() => query);
  assert.equal(
    processMessage(tracer, SETTINGS, MESSAGE, () => query),
    query,
  );
  assert.equal(runs, 0);
  assert.equal(take().length, 2);
});

test("What is over by a callback is over once", () => {
  for (const [error, type] of [
    [undefined, undefined],
    [new RangeError("full"), "RangeError"],
  ] as const) {
    const result = sendUntilDone(tracer, "publish", MESSAGE, (headers, done) => {
      assert.ok("traceparent" in headers);
      assert.equal(take().length, 0);
      done(error);
      done(new Error("again"));
      return 7;
    });
    assert.equal(result, 7);
    assert.deepEqual(
      take().map(({ attributes }) => attributes["error.type"]),
      [type],
    );
  }
  const refuse = (): never => {
    throw new TypeError("refused");
  };
  assert.throws(() => sendUntilDone(tracer, "publish", MESSAGE, refuse), /refused/);
  assert.equal(take()[0]?.attributes["error.type"], "TypeError");
});

test("A handler whose promise never settles holds nothing once the app has let go of the promise", async () => {
  const headers = (): object => ({ body: Buffer.alloc(1000) });
  const held: WeakRef<object>[] = [];
  for (let count = 0; count < 100; count++) {
    const message = headers();
    held.push(new WeakRef(message));
    void processMessage(tracer, SETTINGS, MESSAGE, () => new Promise(() => message));
  }
  assert.equal(take().length, 0);
  // What was just made is alive until the turn ends.
  for (let turn = 0; turn < 50 && held.some((one) => one.deref() !== undefined); turn++) {
    await new Promise((done) => setImmediate(done));
    collectGarbage();
  }
  assert.equal(held.filter((one) => one.deref() !== undefined).length, 0);
});
