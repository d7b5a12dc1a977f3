// Parts of plug-ins that fail: nothing of it comes out, and what fails always is switched off.
import assert from "node:assert/strict";
import { ROOT_CONTEXT, SamplingDecision, SpanKind, createContextKey } from "@opentelemetry/api";
import { AggregationTemporality } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan, Sampler, SpanProcessor } from "@opentelemetry/sdk-trace";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Guard } from "../../src/plugins/guard.ts";
import { guardMetricExporter, guardSpanExporter } from "../../src/plugins/guarded-exporters.ts";
import { guardPropagator } from "../../src/plugins/guarded-propagator.ts";
import { guardSampler } from "../../src/plugins/guarded-sampler.ts";
import { guardSpanProcessor } from "../../src/plugins/guarded-span-processor.ts";

const KEY = createContextKey("key");
const fail = (): never => {
  throw new Error("no luck");
};
const span = {} as ReadableSpan;
const sampling = (sampler: Sampler): unknown =>
  sampler.shouldSample(ROOT_CONTEXT, "0".repeat(32), "name", SpanKind.SERVER, {}, []);

function processor(t: TestContext, onEnd: () => void): { guarded: SpanProcessor; calls: () => number } {
  const mock = t.mock.fn(onEnd);
  const given = { onStart: () => {}, onEnd: mock, forceFlush: async () => {}, shutdown: async () => {} };
  return {
    guarded: guardSpanProcessor(given, new Guard("a processor", "nothing")),
    calls: () => mock.mock.callCount(),
  };
}

test("A span processor is switched off after 100 failures in a row", (t) => {
  const { guarded, calls } = processor(t, fail);
  for (let index = 0; index < 150; index++) guarded.onEnd(span);
  assert.equal(calls(), 100);
});

test("A span processor that fails now and then stays on, also when another method of it always works", (t) => {
  let count = 0;
  const { guarded, calls } = processor(t, () => {
    if (++count % 100 !== 0) fail();
  });
  for (let index = 0; index < 500; index++) guarded.onEnd(span);
  assert.equal(calls(), 500);
});

test("A span processor that fails in one method is switched off, although another one works", (t) => {
  const { guarded, calls } = processor(t, fail);
  for (let index = 0; index < 150; index++) {
    guarded.onStart(span as never, ROOT_CONTEXT);
    guarded.onEnd(span);
  }
  assert.equal(calls(), 100);
});

test("A promise of a span processor that is rejected is handled, and counts", async (t) => {
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const { guarded, calls } = processor(t, async () => fail());
  for (let index = 0; index < 100; index++) guarded.onEnd(span);
  await turn();
  guarded.onEnd(span);
  assert.equal(calls(), 100);
  assert.equal(unhandled.mock.callCount(), 0);
});

test("A span processor's onEnding is called where it has one, and asked of none that has not", () => {
  const base = { onStart: () => {}, onEnd: () => {}, forceFlush: async () => {}, shutdown: async () => {} };
  assert.equal(guardSpanProcessor(base, new Guard("a", "b")).onEnding, undefined);
  assert.doesNotThrow(() =>
    guardSpanProcessor({ ...base, onEnding: fail }, new Guard("a", "b")).onEnding?.(span as never),
  );
});

test("forceFlush and shutdown of a span processor resolve, whatever they do", async () => {
  const given = { onStart: () => {}, onEnd: () => {}, forceFlush: fail, shutdown: async () => fail() };
  const guarded = guardSpanProcessor(given, new Guard("a", "b"));
  await guarded.forceFlush();
  await guarded.shutdown();
});

for (const [what, shouldSample] of [
  ["throws", fail],
  ["returns nothing", () => undefined],
  ["returns an unknown decision", () => ({ decision: 7 })],
  ["returns the name of a decision", () => ({ decision: "NOT_RECORD" })],
  [
    "returns attributes that cannot be read",
    () => ({ decision: 0, attributes: Object.defineProperty({}, "a", { enumerable: true, get: fail }) }),
  ],
  ["returns a trace state that is none", () => ({ decision: 0, traceState: "a=b" })],
] as const) {
  test(`A sampler that ${what} is replaced by parentbased_always_on for that span`, () => {
    const sampler = guardSampler({ shouldSample } as never, new Guard("a sampler", "nothing"));
    assert.deepEqual(sampling(sampler), { decision: SamplingDecision.RECORD_AND_SAMPLED });
  });
}

test("A sampler that works decides", () => {
  const guarded = guardSampler({ shouldSample: () => ({ decision: 1, attributes: { a: 1 } }) }, new Guard("a", "b"));
  assert.deepEqual(sampling(guarded), { decision: SamplingDecision.RECORD, attributes: { a: 1 } });
});

test("A propagator that throws changes neither context nor fields; one that returns no context neither", () => {
  const context = ROOT_CONTEXT.setValue(KEY, 1);
  for (const extract of [fail, () => undefined as never]) {
    const guarded = guardPropagator({ inject: fail, extract, fields: fail }, new Guard("a", "b"));
    guarded.inject(context, {}, { set: () => {} });
    assert.equal(guarded.extract(context, {}, { get: () => undefined, keys: () => [] }), context);
    assert.deepEqual(guarded.fields(), []);
  }
});

for (const [what, run, expected] of [
  ["throws", fail, 1],
  ["rejects", async () => fail(), 1],
  [
    "answers twice",
    (_: unknown, done: (result: object) => void) => {
      done({ code: 1 });
      done({ code: 0 });
    },
    1,
  ],
] as const) {
  test(`A span exporter that ${what} gives the SDK one answer`, async (t) => {
    const onResult = t.mock.fn();
    const exporter = { export: run as never, shutdown: async () => {} };
    guardSpanExporter(exporter, new Guard("an exporter", "nothing")).export([], onResult);
    await turn();
    assert.equal(onResult.mock.callCount(), expected);
  });
}

test("Promises are no answers of a sampler, a propagator or a selector, and their rejections are handled", async (t) => {
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const reject = (async () => fail()) as never;
  const sampler = guardSampler({ shouldSample: reject }, new Guard("a sampler", "nothing"));
  assert.deepEqual(sampling(sampler), { decision: SamplingDecision.RECORD_AND_SAMPLED });
  const propagator = guardPropagator({ inject: reject, extract: reject, fields: reject }, new Guard("a", "b"));
  propagator.inject(ROOT_CONTEXT, {}, { set: () => {} });
  assert.equal(propagator.extract(ROOT_CONTEXT, {}, { get: () => undefined, keys: () => [] }), ROOT_CONTEXT);
  assert.deepEqual(propagator.fields(), []);
  const exporter = guardMetricExporter(
    { export: reject, forceFlush: reject, shutdown: reject, selectAggregationTemporality: reject },
    new Guard("a", "b"),
  );
  assert.equal(exporter.selectAggregationTemporality?.("COUNTER" as never), AggregationTemporality.CUMULATIVE);
  await turn();
  assert.equal(unhandled.mock.callCount(), 0);
});

test("What a propagator writes after it has returned goes nowhere", async () => {
  const written: unknown[] = [];
  const guarded = guardPropagator(
    {
      inject: (async (_: unknown, carrier: unknown, setter: { set(...args: unknown[]): void }) => {
        setter.set(carrier, "x-first", "1");
        await turn();
        setter.set(carrier, "x-late", "1");
      }) as never,
      extract: (context) => context,
      fields: () => [],
    },
    new Guard("a", "b"),
  );
  guarded.inject(ROOT_CONTEXT, {}, { set: (_, key) => void written.push(key) });
  await turn();
  await turn();
  assert.deepEqual(written, ["x-first"]);
});

test("A metric exporter that has not answered is told off at its next turn, and the reader is answered at once", async (t) => {
  const exported = t.mock.fn();
  const guarded = guardMetricExporter(
    { export: exported, forceFlush: async () => {}, shutdown: async () => {} },
    new Guard("a", "b"),
  );
  for (let index = 0; index < 150; index++) {
    const onResult = t.mock.fn();
    guarded.export({} as never, onResult);
    assert.equal(onResult.mock.callCount(), 1);
  }
  assert.equal(exported.mock.callCount(), 100, "it is switched off");
});

test("A metric exporter's forceFlush waits for its answer", async () => {
  let answer: (() => void) | undefined;
  const done: string[] = [];
  const guarded = guardMetricExporter(
    {
      export: (_, onResult) => void (answer = () => onResult({ code: 0 })),
      forceFlush: async () => void done.push("flushed"),
      shutdown: async () => {},
    },
    new Guard("a", "b"),
  );
  guarded.export({} as never, () => {});
  const flushed = guarded.forceFlush();
  await turn();
  assert.deepEqual(done, []);
  answer?.();
  await flushed;
  assert.deepEqual(done, ["flushed"]);
});

test("A metric exporter's selectors have a default where they throw, and are absent where it has none", () => {
  const base = { export: () => {}, forceFlush: async () => {}, shutdown: async () => {} };
  assert.equal(guardMetricExporter(base, new Guard("a", "b")).selectAggregation, undefined);
  const guarded = guardMetricExporter({ ...base, selectAggregationTemporality: fail }, new Guard("a", "b"));
  assert.equal(guarded.selectAggregationTemporality?.("COUNTER" as never), AggregationTemporality.CUMULATIVE);
});
