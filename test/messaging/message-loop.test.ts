import assert from "node:assert/strict";
import test, { after } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";
import { ROOT_CONTEXT, context, createContextKey } from "@opentelemetry/api";
import { type OpenMessage, followLoop, touchMessage } from "../../src/messaging/message-loop.ts";
import { getRequestId, setRequestId } from "../../src/context/request-id.ts";
import { recordSpans } from "../support/spans.ts";
import { unhandledDuring } from "../support/unhandled.ts";

const { stop } = recordSpans();
after(stop);

const KEY = createContextKey("test");
const here = (): unknown => context.active().getValue(KEY);

/** A message whose library tells us when the app looks at it. */
class Message {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  get text(): string {
    touchMessage(this);
    return this.#text;
  }
}

/** A subscription that gives each text when it is pushed, and says which messages are open. */
function subscription(...texts: string[]): {
  messages: AsyncIterableIterator<Message>;
  push(text: string): void;
  end(): void;
  open: string[];
} {
  const waiting = [...texts];
  const state = { isEnded: false };
  let wake = (): void => {};
  async function* give(): AsyncGenerator<Message> {
    while (!state.isEnded || waiting.length > 0) {
      const text = waiting.shift();
      if (text === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else yield new Message(text);
    }
  }
  const open: string[] = [];
  return {
    messages: followLoop(give(), (message): OpenMessage => {
      const { text } = message;
      open.push(text);
      return {
        context: ROOT_CONTEXT.setValue(KEY, text),
        end: () => open.splice(open.indexOf(text), 1),
      };
    }),
    push(text) {
      waiting.push(text);
      wake();
    },
    end() {
      state.isEnded = true;
      wake();
    },
    open,
  };
}

test("The body of a loop runs in the context of each message, also behind its awaits, and the code after it outside", async () => {
  const { messages, end, open } = subscription("a", "b", "c");
  const seen: unknown[] = [];
  end();
  for await (const message of messages) {
    seen.push(message.text, here());
    assert.deepEqual(open, [here()]);
    await immediate();
    seen.push(here());
  }
  assert.deepEqual(seen, ["a", "a", "a", "b", "b", "b", "c", "c", "c"]);
  assert.equal(here(), undefined);
  assert.deepEqual(open, []);
});

test("What is started beside a loop is never in a message's context", async () => {
  const { messages, push, end } = subscription();
  const leaks: unknown[] = [];
  const done = (async () => {
    for await (const message of messages) {
      assert.equal(here() ?? message.text, message.text);
      await immediate();
      assert.equal(here(), message.text);
    }
  })();
  // In the same synchronous stretch as the loop's first step.
  const timer = setInterval(() => leaks.push(here()), 1);
  const beside = immediate().then(async () => {
    for (const text of ["a", "b", "c"]) {
      push(text);
      await immediate();
      leaks.push(here());
    }
    end();
  });
  await Promise.all([done, beside]);
  clearInterval(timer);
  assert.deepEqual([...new Set(leaks)], [undefined]);
});

test("A body that looks at its message late is in no context, and the message is open all the same", async () => {
  const { messages, end, open } = subscription("a", "b");
  const seen: unknown[] = [];
  end();
  for await (const message of messages) {
    await immediate();
    seen.push(message.text, here(), [...open]);
  }
  assert.deepEqual(seen, ["a", undefined, ["a"], "b", undefined, ["b"]]);
});

test("A body that has been followed once need not look at its message", async () => {
  const { messages, end } = subscription("a", "b");
  const seen: unknown[] = [];
  end();
  let isFirst = true;
  for await (const message of messages) {
    if (isFirst) assert.equal(message.text, "a");
    isFirst = false;
    await immediate();
    seen.push(here());
  }
  assert.deepEqual(seen, ["a", "b"]);
});

for (const how of ["break", "throw"]) {
  test(`A loop that is left by ${how} ends its message, and is outside again`, async () => {
    const { messages, open } = subscription("a", "b");
    const leave = async (): Promise<void> => {
      for await (const message of messages) {
        assert.equal(message.text, "a");
        assert.equal(here(), "a");
        if (how === "throw") throw new Error("left");
        break;
      }
      assert.equal(here(), undefined);
    };
    await leave().catch((error: unknown) => {
      assert.equal((error as Error).message, "left");
      assert.equal(here(), undefined);
    });
    assert.deepEqual(open, []);
  });
}

test("Loops within loops, and beside each other, keep to their own messages", async () => {
  const outer = subscription("1", "2");
  outer.end();
  const seen: unknown[] = [];
  const run = async (names: string[]): Promise<void> => {
    const inner = subscription(...names);
    inner.end();
    for await (const message of inner.messages) {
      seen.push(message.text === here());
      await immediate();
      seen.push(message.text === here());
    }
  };
  for await (const message of outer.messages) {
    const { text } = message;
    assert.equal(here(), text);
    await run(["x", "y"]);
    assert.equal(here(), text);
    await Promise.all([run(["p", "q"]), run(["r", "s", "t"])]);
    assert.equal(here(), text);
  }
  assert.ok(seen.length > 0 && seen.every(Boolean));
});

test("A body that does not wait for its work leaves it in the context of its own message", async () => {
  const { messages, end } = subscription("a", "b", "c");
  const seen: unknown[] = [];
  end();
  const work: Promise<unknown>[] = [];
  for await (const message of messages) {
    const { text } = message;
    work.push(immediate().then(() => seen.push([text, here()])));
  }
  await Promise.all(work);
  assert.deepEqual(
    seen,
    ["a", "b", "c"].map((text) => [text, text]),
  );
});

test("A loop in a request comes back to that request, and messages do not see it", async () => {
  await context.with(ROOT_CONTEXT.setValue(KEY, "request"), async () => {
    const { messages, end } = subscription("a");
    end();
    for await (const message of messages) assert.equal(message.text, here());
    assert.equal(here(), "request");
  });
});

test("Steps by hand: the message is in its context, and who asks from elsewhere keeps their own", async () => {
  const { messages, push } = subscription("a");
  const first = await messages.next();
  assert.equal((first.value as Message).text, "a");
  assert.equal(here(), "a");
  await context.with(ROOT_CONTEXT.setValue(KEY, "other"), async () => {
    const second = messages.next();
    assert.equal(here(), "other");
    push("b");
    await second;
    assert.equal(here(), "other");
  });
});

test("A span that the body has started stays, whatever the body does with its message", async () => {
  const { messages, end } = subscription("a", "b");
  end();
  for await (const message of messages) {
    await context.with(ROOT_CONTEXT.setValue(KEY, "own"), async () => {
      assert.ok(message.text);
      assert.equal(here(), "own");
      await immediate();
      assert.equal(here(), "own");
    });
    assert.equal(here(), undefined);
  }
});

test("A request that asks for a message of others' iterator stays in its own context", async () => {
  const { messages, push, open } = subscription();
  for (const request of ["1", "2"]) {
    await context.with(ROOT_CONTEXT.setValue(KEY, request), async () => {
      const next = messages.next();
      push(`message ${request}`);
      const { value } = await next;
      assert.equal((value as Message).text, `message ${request}`);
      assert.equal(here(), request);
      await immediate();
      assert.equal(here(), request);
      assert.deepEqual(open, [`message ${request}`]);
    });
  }
});

test("A request that reads one message of its own iterator stays itself, and a loop in it is one from its second message on", async () => {
  const request = setRequestId(ROOT_CONTEXT, "request");
  await context.with(request, async () => {
    const one = subscription("a");
    const { value } = await one.messages.next();
    assert.equal((value as Message).text, "a");
    assert.equal(getRequestId(context.active()), "request");
    await immediate();
    assert.equal(here(), undefined);
    await one.messages.return?.();
    assert.deepEqual(one.open, []);

    const loop = subscription("a", "b", "c");
    loop.end();
    const seen: unknown[] = [];
    for await (const message of loop.messages) {
      seen.push([message.text, here()]);
      await immediate();
    }
    assert.deepEqual(seen, [
      ["a", undefined],
      ["b", "b"],
      ["c", "c"],
    ]);
    assert.equal(getRequestId(context.active()), "request");
  });
});

test("A rejection of a message that nobody waits for is the app's to see", async () => {
  const failing = followLoop(
    (async function* fail(): AsyncGenerator<Message> {
      yield new Message("a");
      throw new Error("gone");
    })(),
    () => undefined,
  );
  await failing.next();
  const unhandled = await unhandledDuring(() => void failing.next());
  assert.deepEqual(
    unhandled.map(({ reason }) => String(reason)),
    ["Error: gone"],
  );
});

test("A loop over an iterator that was made elsewhere is followed all the same", async () => {
  const { messages, end } = subscription("a", "b");
  end();
  await context.with(ROOT_CONTEXT.setValue(KEY, "span around the loop"), async () => {
    for await (const message of messages) assert.equal(message.text, here());
    assert.equal(here(), "span around the loop");
  });
});

test("Loops that follow each other in a frame leave nothing in it", async () => {
  async function* one(): AsyncGenerator<object> {
    yield {};
  }
  const open = (): OpenMessage => ({ context: ROOT_CONTEXT.setValue(KEY, "message"), end() {} });
  let entered = 0;
  // Contexts that stand for each other without end are too deep to be asked after some 15,000.
  for (let round = 0; round < 20_000; round++) {
    for await (const message of followLoop(one(), open)) {
      touchMessage(message);
      if (here() === "message") entered++;
    }
  }
  assert.equal(entered, 20_000);
  assert.equal(here(), undefined);
});

test("Iterators that are asked once and left pile up to a bound", async () => {
  const seen: unknown[] = [];
  for (let count = 1; count <= 100; count++) {
    const { messages } = subscription(String(count));
    const { value } = await messages.next();
    assert.ok((value as Message).text);
    seen.push(here());
  }
  assert.deepEqual(seen.slice(0, 3), ["1", "2", "3"]);
  assert.equal(seen[40], seen[99]);
});

test("A loop whose body asks another iterator by hand goes on in its own messages", async () => {
  const outer = subscription("1", "2", "3");
  outer.end();
  const seen: unknown[] = [];
  for await (const message of outer.messages) {
    seen.push(message.text === here());
    const inner = subscription("x");
    const { value } = await inner.messages.next();
    assert.equal((value as Message).text, here());
  }
  assert.deepEqual(seen, [true, true, true]);
  assert.deepEqual(outer.open, []);
});

test("Of several who ask at once each ends its own message, and every message is ended", async () => {
  const { messages, end, open } = subscription("a", "b", "c", "d");
  end();
  const ended: number[] = [];
  const work = async (): Promise<void> => {
    for await (const message of messages) {
      assert.equal(message.text, here());
      await immediate();
      assert.ok(open.includes(message.text), "still open");
      await immediate();
      ended.push(open.length);
    }
  };
  await Promise.all([work(), work(), work()]);
  assert.equal(ended.length, 4);
  assert.deepEqual(open, []);

  const byHand = subscription("a", "b", "c");
  await Promise.all([byHand.messages.next(), byHand.messages.next(), byHand.messages.next()]);
  assert.equal(byHand.open.length, 3);
  await byHand.messages.return?.();
  assert.deepEqual(byHand.open, []);
});

test("What else an iterator can do is passed on: throw, and to be disposed of", async () => {
  const { messages, open } = subscription("a");
  async function* delegate(): AsyncGenerator<Message> {
    yield* messages;
  }
  const generator = delegate();
  await generator.next();
  await assert.rejects(generator.throw(new Error("mine")), /^Error: mine$/);
  assert.deepEqual(open, []);

  // Where the platform's own generators can be disposed of (Node 24).
  const disposed = subscription("a");
  assert.equal(Symbol.asyncDispose in disposed.messages, Symbol.asyncDispose in generator);
  if (!(Symbol.asyncDispose in generator)) return;
  await disposed.messages.next();
  await (disposed.messages as AsyncGenerator<Message>)[Symbol.asyncDispose]();
  assert.deepEqual(disposed.open, []);
  assert.equal((await disposed.messages.next()).done, true);
});

test("A failing iterator fails the loop, and a failing open is not the app's problem", async () => {
  const failing = followLoop(
    (async function* fail(): AsyncGenerator<Message> {
      yield new Message("a");
      throw new Error("gone");
    })(),
    () => {
      throw new Error("ours");
    },
  );
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const message of failing) seen.push(message.text);
  }, /gone/);
  assert.deepEqual(seen, ["a"]);
});

test("What is no message passes as it is", async () => {
  const values = followLoop(
    (async function* give(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    })(),
    () => undefined,
  );
  const seen: unknown[] = [];
  for await (const value of values) {
    touchMessage(value);
    touchMessage(undefined);
    seen.push(value, here());
  }
  assert.deepEqual(seen, [1, undefined, 2, undefined]);
});
