import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import test from "node:test";
import type { Span } from "@opentelemetry/api";
import { type GuardOptions, guardWrapper } from "../../../instrumentations/upstream/guard.ts";
import { noteSpan } from "../../../instrumentations/upstream/guarded-call.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
const BROKEN = new Error("broken instrumentation");
const OWN = new Error("the app's own");

/** What a guarded wrapping gives for a call, how often the function itself ran, and what failures were told. */
function call(
  wrapper: (original: AnyFunction) => AnyFunction,
  original: AnyFunction = (...args) => args.join("+"),
): { readonly outcome: unknown; readonly runs: number; readonly failures: unknown[] } {
  let runs = 0;
  const failures: unknown[] = [];
  const counted: AnyFunction = function counted(...args) {
    runs++;
    return Reflect.apply(original, this, args);
  };
  const wrapped = guardWrapper(wrapper, (error) => failures.push(error))(counted);
  let outcome: unknown;
  try {
    outcome = wrapped(1, 2);
  } catch (error) {
    outcome = error;
  }
  return { outcome, runs, failures };
}

const throwing: AnyFunction = () => {
  throw OWN;
};

for (const [what, wrapper, original, expected] of [
  [
    "a wrapping that works",
    (f: AnyFunction) =>
      (...a: unknown[]) =>
        f(...a),
    undefined,
    ["1+2", 1, 0],
  ],
  ["a wrapping that changes arguments", (f: AnyFunction) => (a: unknown) => f(a, 7), undefined, ["1+7", 1, 0]],
  [
    "a wrapping that fails before the call",
    () => () => {
      throw BROKEN;
    },
    undefined,
    ["1+2", 1, 1],
  ],
  [
    "a wrapping that fails after the call",
    (f: AnyFunction) =>
      (...a: unknown[]) => {
        f(...a);
        throw BROKEN;
      },
    undefined,
    ["1+2", 1, 1],
  ],
  [
    "what the function throws",
    (f: AnyFunction) =>
      (...a: unknown[]) =>
        f(...a),
    throwing,
    [OWN, 1, 0],
  ],
  [
    "a wrapping that fails while it handles what the function throws",
    (f: AnyFunction) =>
      (...a: unknown[]) => {
        try {
          return f(...a);
        } catch {
          throw BROKEN;
        }
      },
    throwing,
    [OWN, 1, 1],
  ],
] as const) {
  test(`guardWrapper: ${what}`, () => {
    const { outcome, runs, failures } = call(wrapper, original);
    assert.deepEqual([outcome, runs, failures.length], expected);
  });
}

test("guardWrapper keeps nested calls of one function apart", () => {
  const failures: unknown[] = [];
  const guarded: AnyFunction = guardWrapper(
    (original) =>
      function wrapped(depth) {
        if (depth === 1) throw BROKEN;
        return original(depth);
      },
    (error) => failures.push(error),
  )((depth) => (depth === 0 ? "end" : `${String(depth)} ${String(guarded(Number(depth) - 1))}`));
  assert.equal(guarded(2), "2 1 end");
  assert.deepEqual(failures, [BROKEN]);
});

test("guardWrapper leaves a class a class, whatever its wrapping does", () => {
  class Client {
    readonly host: unknown;
    constructor(host: unknown) {
      this.host = host;
    }
  }
  const failing = guardWrapper(
    () => {
      throw BROKEN;
    },
    () => {},
  );
  assert.throws(
    () => failing(Client as never),
    BROKEN,
    "a wrapper itself fails where the module is loaded, and is caught there",
  );
  const broken = guardWrapper(
    () =>
      function Wrapped() {
        throw BROKEN;
      },
    () => {},
  )(Client as never) as never as typeof Client;
  const client = new broken("h");
  assert.equal(client.host, "h");
  assert.ok(client instanceof Client);
});

const through = (f: AnyFunction): AnyFunction =>
  function wrapped(...args) {
    return Reflect.apply(f, this, args);
  };
const guard = (wrapper: (original: AnyFunction) => AnyFunction, original: AnyFunction, options?: GuardOptions) => {
  const failures: unknown[] = [];
  return { guarded: guardWrapper(wrapper, (error) => failures.push(error), options)(original), failures };
};

test("guardWrapper: a function keeps its length, its name and what hangs on it", () => {
  const original = Object.assign(async function named(_a: unknown, _b: unknown) {}, {
    [Symbol.for("kept")]: 1,
    own: 2,
  });
  const { guarded } = guard(through, original);
  assert.deepEqual([guarded.length, guarded.name], [2, "named"]);
  assert.deepEqual(Reflect.ownKeys(guarded).filter((key) => key === "own" || typeof key === "symbol").length, 2);
  assert.equal(guarded.constructor.name, "AsyncFunction");
});

for (const [what, after, own, expected, failures] of [
  ["a promise that the wrapping breaks", () => Promise.reject(BROKEN), Promise.resolve("own"), "own", 1],
  ["a promise that is rejected", (p: Promise<unknown>) => p.then((v) => v), Promise.reject(OWN), OWN, 0],
  [
    "a rejection that the wrapping changes",
    (p: Promise<unknown>) => p.catch(() => Promise.reject(BROKEN)),
    Promise.reject(OWN),
    OWN,
    1,
  ],
] as const) {
  test(`guardWrapper: ${what} is settled as the function's own`, async () => {
    const { guarded, failures: told } = guard(
      (f) =>
        function wrapped(...args) {
          return after(Reflect.apply(f, this, args) as Promise<unknown>);
        },
      () => own,
    );
    assert.equal(await (guarded() as Promise<unknown>).catch((error: unknown) => error), expected);
    assert.equal(told.length, failures);
  });
}

test("guardWrapper: an error event that nobody listens to stays one", () => {
  const { guarded } = guard(
    (f) => () => (f() as EventEmitter).on("error", () => {}),
    () => new EventEmitter(),
  );
  const emitter = guarded() as EventEmitter;
  assert.equal(emitter.listenerCount("error"), 0);
  assert.throws(() => emitter.emit("error", OWN), OWN);
});

test("guardWrapper with endsWithEmitter: the span ends with the emitter, and once", async () => {
  for (const event of ["end", "close", "error"]) {
    let ended = 0;
    const statuses: unknown[] = [];
    const span = {
      isRecording: () => ended === 0,
      end: () => ended++,
      setStatus: (status: unknown) => statuses.push(status),
    };
    const { guarded } = guard(
      (f) => () => {
        noteSpan(span as unknown as Span);
        return f();
      },
      () => new EventEmitter(),
      { endsWithEmitter: true },
    );
    const emitter = guarded() as EventEmitter;
    if (event === "error") emitter.on("error", () => {});
    emitter.emit(event, OWN);
    emitter.emit("close");
    await new Promise(process.nextTick);
    assert.equal(ended, 1, event);
    assert.equal(statuses.length, event === "error" ? 1 : 0);
  }
});

test("guardWrapper with standIns: the wrapping sees them, and the function the app's arguments", () => {
  const seen: unknown[] = [];
  const { guarded } = guard(
    (f) =>
      (...args) => {
        seen.push(args);
        return f("other");
      },
    (...args) => args,
    { standIns: ([first]) => [`stand-in for ${String(first)}`] },
  );
  assert.deepEqual(guarded("app", 2), ["app", 2]);
  assert.deepEqual(seen, [["stand-in for app"]]);
});

test("guardWrapper with afterCall tells of the call's span and of what the function threw", () => {
  const told: unknown[] = [];
  const span = {} as Span;
  const { guarded } = guard(
    (f) =>
      (...args) => {
        noteSpan(span);
        noteSpan({} as Span);
        return f(...args);
      },
    throwing,
    { afterCall: (args, of, error) => told.push([args, of === span, error]) },
  );
  assert.throws(() => guarded(1), OWN);
  assert.deepEqual(told, [[[1], true, OWN]]);
});

type AsyncFunction = (...args: unknown[]) => Promise<unknown>;

/** Guards what may call the function late. */
function guardAsync(
  wrapper: (original: AnyFunction) => AnyFunction,
  original: AnyFunction,
): { readonly guarded: AnyFunction; readonly runs: () => number; readonly failures: unknown[] } {
  let runs = 0;
  const failures: unknown[] = [];
  const counted: AnyFunction = function counted(...args) {
    runs++;
    return Reflect.apply(original, this, args);
  };
  const guarded = guardWrapper(wrapper, (error) => failures.push(error), { followsAsync: true })(counted);
  return { guarded, runs: () => runs, failures };
}

const ownAsync: AnyFunction = async (...args) => {
  await new Promise(setImmediate);
  if (args[0] === "bad") throw OWN;
  return args.join("+");
};

for (const [what, wrapper, expected] of [
  [
    "an async wrapping that fails at once",
    () => async () => {
      throw BROKEN;
    },
    [["1+2", OWN], 2, 2],
  ],
  [
    "an async wrapping that fails later, before the call",
    () => async () => {
      await new Promise(setImmediate);
      throw BROKEN;
    },
    [["1+2", OWN], 2, 2],
  ],
  [
    "an async wrapping that calls late and fails afterwards",
    (f) =>
      async (...args) => {
        await new Promise(setImmediate);
        await f(...args);
        throw BROKEN;
      },
    // Where the call itself fails the wrapping does not come to its own failure.
    [["1+2", OWN], 2, 1],
  ],
  [
    "an async wrapping that calls late and fails while that goes on",
    (f) =>
      async (...args) => {
        await Promise.resolve();
        void (f as AsyncFunction)(...args).catch(() => {});
        throw BROKEN;
      },
    [["1+2", OWN], 2, 2],
  ],
  [
    "an async wrapping that replaces the function's error",
    (f) =>
      async (...args) => {
        await Promise.resolve();
        try {
          return await f(...args);
        } catch {
          throw BROKEN;
        }
      },
    [["1+2", OWN], 2, 1],
  ],
  [
    "an async wrapping that works",
    (f) =>
      async (...args) => {
        await new Promise(setImmediate);
        return f(...args);
      },
    [["1+2", OWN], 2, 0],
  ],
  [
    "an async wrapping that tries again",
    (f) =>
      async (...args) => {
        await Promise.resolve();
        await (f as AsyncFunction)("bad").catch(() => {});
        return f(...args);
      },
    [["1+2", OWN], 4, 0],
  ],
  [
    "an async wrapping that answers by itself",
    () => async () => "from a cache",
    [["from a cache", "from a cache"], 0, 0],
  ],
] as const satisfies readonly (readonly [string, (f: AnyFunction) => AnyFunction, unknown])[]) {
  test(`guardWrapper: ${what}`, async () => {
    const { guarded, runs, failures } = guardAsync(wrapper, ownAsync);
    const outcomes = [];
    for (const args of [[1, 2], ["bad"]]) {
      // oxlint-disable-next-line no-await-in-loop -- one call after the other.
      outcomes.push(await (guarded as AsyncFunction)(...args).catch((error: unknown) => error));
    }
    assert.deepEqual([outcomes, runs(), failures.length], expected);
  });
}

test("guardWrapper keeps calls apart that go on at once, however late their functions are called", async () => {
  const { guarded, failures } = guardAsync(
    (f) => async (name, delay) => {
      await new Promise((resolve) => setTimeout(resolve, delay as number));
      await f(name);
      throw BROKEN;
    },
    async (name) => {
      await new Promise(setImmediate);
      return `own ${String(name)}`;
    },
  );
  const calls = [guarded("a", 20), guarded("b", 1), guarded("c", 10)];
  assert.deepEqual(await Promise.all(calls), ["own a", "own b", "own c"]);
  assert.equal(failures.length, 3);
});

test("guardWrapper: a function that was called in the wrapping's place is not called once more by it", async () => {
  let late: Promise<unknown> | undefined;
  const { guarded, runs } = guardAsync(
    (f) => () => {
      late = new Promise(setImmediate).then(() => f("late"));
      throw BROKEN;
    },
    (...args) => args.join("+"),
  );
  assert.equal(guarded(1, 2), "1+2");
  assert.equal(await late, "1+2");
  assert.equal(runs(), 1);
});

test("guardWrapper: where a wrapping has lost its async context nothing is called twice", async () => {
  const jobs: (() => unknown)[] = [];
  const worker = new Promise<void>((resolve) => {
    setTimeout(() => {
      for (const job of jobs) job();
      resolve();
    }, 1);
  });
  const { guarded, runs } = guardAsync((f) => {
    return async (...args) => {
      jobs.push(() => f(...args));
      await worker;
      throw BROKEN;
    };
  }, ownAsync);
  await assert.rejects(guarded(1) as Promise<unknown>, BROKEN);
  assert.equal(runs(), 1);
});

test("guardWrapper: a function that gives no promise gives none, whatever its wrapping makes of it", async (t) => {
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const asAsync = (f: AnyFunction): AnyFunction => {
    return async (...args) => {
      f(...args);
      throw BROKEN;
    };
  };
  const { guarded, failures } = guardAsync(asAsync, (a) => a);
  assert.equal(guarded("x"), "x");
  const nothing = guardAsync(asAsync, () => {});
  assert.equal(nothing.guarded("x"), undefined);
  const throwing = guardAsync(asAsync, () => {
    throw OWN;
  });
  assert.throws(() => throwing.guarded("x"), OWN);
  await new Promise(setImmediate);
  assert.deepEqual(throwing.failures, []);
  assert.equal(failures.length, 2, "that it gives a promise, and what it is rejected with");
  assert.deepEqual(nothing.failures, [BROKEN]);
  assert.equal(unhandled.mock.callCount(), 0);
});

test("guardWrapper: a rejection that the app does not handle stays one", async () => {
  const rejections: unknown[] = [];
  const listener = (error: unknown): void => void rejections.push(error);
  const { guarded } = guardAsync((f) => async () => f("bad"), ownAsync);
  const before = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", listener);
  void guarded();
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off("unhandledRejection", listener);
  for (const one of before) process.on("unhandledRejection", one);
  assert.deepEqual(rejections, [OWN]);
});

test("guardWrapper: nobody throws into the app who is told of failures", () => {
  const told = (): never => {
    throw new Error("no luck in telling");
  };
  const guarded = guardWrapper(
    () => () => {
      throw BROKEN;
    },
    told,
  )((a) => a);
  assert.equal(guarded(7), 7);
});

for (const wrapper of [async () => {}, () => undefined, () => Promise.reject(BROKEN)]) {
  test(`guardWrapper refuses a wrapper that gives no function: ${wrapper.toString()}`, () => {
    assert.throws(() => guardWrapper(wrapper as never, () => {})(() => 1), /no function|gives a promise/);
  });
}

class Client {
  static made = 0;
  readonly #secret = 7;
  readonly host: unknown;
  constructor(host: unknown) {
    Client.made++;
    this.host = host;
  }
  query(text: string): string {
    return `${text} of ${String(this.host)} ${this.#secret}`;
  }
}

for (const [what, wrapper, query, told] of [
  [
    "a subclass",
    (Original) =>
      class extends Original {
        override query(text: string): string {
          return `${super.query(text)}!`;
        }
      },
    "text of h 7!",
    0,
  ],
  [
    "a subclass that fails",
    (Original) =>
      class extends Original {
        constructor(host: unknown) {
          if (host === "h" || host === "s") throw BROKEN;
          super(host);
        }
      },
    "text of h 7",
    2,
  ],
  [
    "a function that constructs",
    (Original) =>
      function wrapped(this: unknown, ...args: unknown[]) {
        return Reflect.construct(Original, args, new.target) as Client;
      },
    "text of h 7",
    0,
  ],
  ["an arrow function", (Original) => (host: unknown) => new Original(host), "text of h 7", 0],
  [
    "a function that calls the class as one",
    (Original) =>
      function wrapped(this: unknown, ...args: unknown[]) {
        return Reflect.apply(Original as never, this, args) as Client;
      },
    "text of h 7",
    2,
  ],
  [
    "a class of its own",
    (Original) =>
      class {
        constructor(host: unknown) {
          // oxlint-disable-next-line no-constructor-return -- as some wrappers do.
          return new Original(host);
        }
      },
    "text of h 7",
    0,
  ],
] as const satisfies readonly (readonly [string, (Original: typeof Client) => unknown, string, number])[]) {
  test(`guardWrapper: a class wrapped by ${what} makes its instances, and subclasses of the app theirs`, () => {
    const failures: unknown[] = [];
    const guarded = guardWrapper(wrapper as never, (error) => failures.push(error), { followsAsync: true })(
      Client as never,
    ) as never as typeof Client;
    const before = Client.made;
    const client = new guarded("h");
    assert.equal(client.query("text"), query);
    assert.ok(client instanceof guarded && client instanceof Client);
    class Special extends guarded {
      special(): string {
        return `special ${String(this.host)}`;
      }
    }
    const special = new Special("s");
    assert.equal(special.special(), "special s");
    assert.equal(special.query("text"), query.replace("h", "s"));
    assert.ok(special instanceof Special && special instanceof guarded && special instanceof Client);
    assert.equal(client instanceof Special, false);
    assert.deepEqual([guarded.name, guarded.length, guarded.made - before], ["Client", 1, 2]);
    assert.equal(failures.length, told);
    assert.throws(() => (guarded as never as () => void)(), TypeError, "a class is called by the app as one");
  });
}
