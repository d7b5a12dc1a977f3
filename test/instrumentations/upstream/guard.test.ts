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
