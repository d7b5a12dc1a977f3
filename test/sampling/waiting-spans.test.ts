// What waits, against a model that does the same with a plain array of traces.
import assert from "node:assert/strict";
import test from "node:test";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { type LocalTrace, beginLocalTrace } from "../../src/sampling/local-trace.ts";
import { WaitingSpans } from "../../src/sampling/waiting-spans.ts";
import { createRandom } from "../support/random.ts";

const newSpan = (): ReadableSpan => ({}) as ReadableSpan;
const newTrace = (): LocalTrace => beginLocalTrace(newSpan(), { routeRules: undefined, drops: false });

test("WaitingSpans keeps the bounds, and gives up the longest waiting, whatever comes and goes in what order", () => {
  const random = createRandom(6);
  const limits = { maxSpans: 40, maxSpansPerTrace: 5, maxAgeMs: 100 };
  let now = 0;
  const waiting = new WaitingSpans(limits, () => now);
  /** By when their first span came. */
  const model: { trace: LocalTrace; spans: number; since: number }[] = [];
  const leftOut = { trace_limit: 0, limit: 0, age: 0 };
  const givenUp = new Map<LocalTrace, "limit" | "age">();
  const traces: LocalTrace[] = [];
  const giveUpOldest = (reason: "limit" | "age"): void => {
    const { trace, spans } = model.shift() as (typeof model)[number];
    leftOut[reason] += spans;
    givenUp.set(trace, reason);
  };

  for (let step = 0; step < 20_000; step++) {
    now += random(100) < 5 ? 20 : 0;
    const draw = random(100);
    const trace = traces[random(Math.max(traces.length, 1))];
    if (draw < 10 || trace === undefined) traces.push(newTrace());
    else if (draw < 80) {
      waiting.add(trace, newSpan());
      const known = model.find((one) => one.trace === trace);
      const reason = givenUp.get(trace);
      if (reason !== undefined) leftOut[reason]++;
      else if (known === undefined) model.push({ trace, spans: 1, since: now });
      else if (known.spans === limits.maxSpansPerTrace) leftOut.trace_limit++;
      else known.spans++;
      if (model.reduce((sum, { spans }) => sum + spans, 0) > limits.maxSpans) giveUpOldest("limit");
    } else if (draw < 92) {
      const index = model.findIndex((one) => one.trace === trace);
      assert.equal(waiting.take(trace).length, index < 0 ? 0 : model[index]?.spans);
      if (index >= 0) model.splice(index, 1);
      traces.splice(traces.indexOf(trace), 1);
    } else {
      waiting.giveUpOld();
      while (model[0] !== undefined && now - model[0].since >= limits.maxAgeMs) giveUpOldest("age");
    }
    assert.equal(
      waiting.count,
      model.reduce((sum, { spans }) => sum + spans, 0),
    );
    assert.deepEqual(waiting.leftOut, leftOut);
  }
  for (const reason of Object.values(leftOut)) assert.ok(reason > 0, JSON.stringify(leftOut));
});
