// Every way in which a TracingChannel publishes a call, and the context around it.
import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { after, beforeEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { trace } from "@opentelemetry/api";
import { defineInstrumentation } from "../../../src/index.ts";
import { log } from "../../../src/diagnostics/log.ts";
import { assertContract, startTestKit } from "../../../src/testing.ts";

interface Order {
  readonly article: string;
}

const orders = tracingChannel<unknown, Order>("shop:order");
/** TypeScript knows of undefined alone; JavaScript says null as well. */
const NO_SPAN = { secret: undefined, void: null as never };
const instrumentation = defineInstrumentation({
  name: "shop",
  start(host) {
    host.traceChannel<Order>("shop:order", {
      kind: "client",
      start: ({ article }) =>
        article === "secret" || article === "void"
          ? NO_SPAN[article]
          : { name: `order ${article}`, attributes: { article } },
      end: (span, { result }) => void span.setAttribute("result", String(result)),
    });
  },
});
const kit = startTestKit({ plugins: [instrumentation] });
after(() => kit.stop());
beforeEach(() => kit.reset());

const ERROR = new RangeError("sold out");
const isInside = (): boolean => trace.getActiveSpan() !== undefined;

const sync = (article: string): unknown =>
  orders.traceSync(
    () => {
      if (article === "bad") throw ERROR;
      return isInside();
    },
    { article },
  );
const promise = (article: string): unknown =>
  orders.tracePromise(
    async () => {
      await turn();
      if (article === "bad") throw ERROR;
      return isInside();
    },
    { article },
  );
const throwing = (): unknown =>
  orders.tracePromise(
    () => {
      throw ERROR;
    },
    { article: "bad" },
  );
/** `isLater`: the callback comes after the call has returned, as is usual. */
const callback =
  (isLater: boolean) =>
  (article: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const run = (done: (error: unknown, result?: unknown) => void): void => {
        const inside = isInside();
        const finish = (): void => (article === "bad" ? done(ERROR) : done(null, inside));
        if (isLater) setImmediate(finish);
        else finish();
      };
      orders.traceCallback(run as never, 0, { article }, undefined, ((error: unknown, result: unknown) =>
        error === null ? resolve(result) : reject(error as Error)) as never);
    });

for (const [what, call] of [
  ["a synchronous call", sync],
  ["a promise", promise],
  ["a callback", callback(true)],
  ["a callback that is called at once", callback(false)],
] as const) {
  test(`traceChannel makes a span of ${what}, which runs inside of it`, async () => {
    assert.equal(await kit.inSpan("request", () => call("book")), true);
    assert.equal(kit.tree(), "INTERNAL request\n  CLIENT order book");
    const [, span] = kit.spans();
    assert.deepEqual(span?.attributes, { article: "book", result: "true" });
  });

  test(`traceChannel keeps the contract of instrumentations for ${what}`, async () => {
    await assertContract(kit, {
      succeeds: () => call("book"),
      fails: () => call("bad"),
      error: ERROR,
      kind: "CLIENT",
    });
  });
}

test("traceChannel ends the span of a call that throws where a promise was expected", () => {
  assert.throws(throwing, ERROR);
  assert.equal(kit.tree(), "CLIENT order bad !");
});

test("traceChannel makes no span of a call that start has nothing to say of", async (t) => {
  const told = t.mock.method(log, "warnSometimes");
  for (const article of ["secret", "void"]) assert.equal(await promise(article), false, article);
  assert.equal(kit.tree(), "");
  assert.equal(told.mock.callCount(), 0);
});
