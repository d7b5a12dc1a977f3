// What a worker's processor may give, and that its worker gets the same.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { SpanStatusCode } from "@opentelemetry/api";
import { watchWorker } from "../../../instrumentations/bullmq/worker.ts";
import { MESSAGING_DEFAULTS } from "../../../src/messaging/public.ts";
import { recordSpans } from "../../support/spans.ts";

const { tracer, take, stop } = recordSpans();
after(stop);

class Worker {
  readonly name = "orders";
  readonly #processor: () => unknown;
  constructor(processor: () => unknown) {
    this.#processor = processor;
  }
  callProcessJob(_job: object): unknown {
    return this.#processor();
  }
}
watchWorker(Worker.prototype, { tracer, messaging: MESSAGING_DEFAULTS });

const later = Object.assign(new Error("later"), { name: "DelayedError" });
const broken = new Error("broken");
const raise = (error: Error) => (): never => {
  throw error;
};
const reject = (error: Error) => async (): Promise<never> => {
  throw error;
};

for (const [what, processor, expected, status] of [
  ["a value", () => 42, 42, SpanStatusCode.UNSET],
  ["nothing", () => {}, undefined, SpanStatusCode.UNSET],
  ["a promise", async () => 42, 42, SpanStatusCode.UNSET],
  ["an error", raise(broken), broken, SpanStatusCode.ERROR],
  ["a rejection", reject(broken), broken, SpanStatusCode.ERROR],
  ["a wish to come later, thrown", raise(later), later, SpanStatusCode.UNSET],
  ["a wish to come later, rejected", reject(later), later, SpanStatusCode.UNSET],
] as const) {
  test(`A processor that gives ${what} gives the worker just that, and nobody is warned`, async (t) => {
    const write = t.mock.method(process.stderr, "write", () => true);
    let given: unknown;
    let isAwaited = false;
    try {
      given = new Worker(processor).callProcessJob({ name: "job" });
      isAwaited = given instanceof Promise;
      given = await given;
    } catch (error) {
      given = error;
    }
    assert.equal(given, expected);
    assert.equal(isAwaited, processor.constructor.name === "AsyncFunction");
    assert.deepEqual(
      take().map((span) => span.status.code),
      [status],
    );
    assert.equal(write.mock.callCount(), 0);
  });
}
