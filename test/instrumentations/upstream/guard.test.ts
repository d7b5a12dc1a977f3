import assert from "node:assert/strict";
import test from "node:test";
import { guardWrapper } from "../../../instrumentations/upstream/guard.ts";

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
