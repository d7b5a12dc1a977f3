import assert from "node:assert/strict";
import test, { after } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { processMessage } from "../../src/messaging/spans.ts";
import { recordSpans } from "../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("A handler whose promise never settles holds nothing once the app has let go of the promise", async () => {
  const settings = { mode: "auto", modes: {}, linkAfterMs: 60_000 } as const;
  const headers = (): object => ({ body: Buffer.alloc(1000) });
  const held: WeakRef<object>[] = [];
  for (let count = 0; count < 100; count++) {
    const message = headers();
    held.push(new WeakRef(message));
    void processMessage(
      tracer,
      settings,
      { system: "rabbitmq", destination: "orders", headers: {} },
      () => new Promise(() => message),
    );
  }
  assert.equal(take().length, 0);
  // What was just made is alive until the turn ends.
  for (let turn = 0; turn < 50 && held.some((one) => one.deref() !== undefined); turn++) {
    await new Promise((done) => setImmediate(done));
    collectGarbage();
  }
  assert.equal(held.filter((one) => one.deref() !== undefined).length, 0);
});
