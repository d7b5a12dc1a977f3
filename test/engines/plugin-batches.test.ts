import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { TraceFlags, context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { type ExportResult, ExportResultCode, isTracingSuppressed } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createBatches } from "../../src/engines/plugin-batches.ts";

const CONFIG = {
  ...{ maxQueueSize: 4, maxExportBatchSize: 2, scheduleDelayMs: 1000, exportTimeoutMs: 5000 },
  ...{ maxQueueBytes: 0, maxExportBatchBytes: 0 },
};
const SUCCESS: ExportResult = { code: ExportResultCode.SUCCESS };

function span(name: string, traceFlags: number = TraceFlags.SAMPLED): ReadableSpan {
  return { name, spanContext: () => ({ traceFlags }) } as ReadableSpan;
}

/** An exporter that answers when it is told to. */
function setUp() {
  const exported: string[][] = [];
  const answers: ((result: ExportResult) => void)[] = [];
  const suppressed: boolean[] = [];
  const batches = createBatches(
    "slow",
    {
      export(spans, onResult) {
        suppressed.push(isTracingSuppressed(context.active()));
        exported.push(spans.map(({ name }) => name));
        answers.push(onResult);
      },
      shutdown: () => Promise.resolve(),
    },
    CONFIG,
  );
  const end = (...names: string[]): void => {
    for (const name of names) batches.onEnd(span(name));
  };
  return { batches, exported, suppressed, end, answer: (result = SUCCESS): void => answers.shift()?.(result) };
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test("A batch goes when it is full, one at a time, untraced; what is beyond the queue is dropped, and all is counted", async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  try {
    const { batches, exported, suppressed, end, answer } = setUp();
    end("a");
    assert.deepEqual(exported, []);
    end("b", "c", "d", "e", "f", "too many");
    assert.deepEqual(exported, [["a", "b"]]);
    assert.deepEqual(batches.counts(), {
      ...{ queued: 4, capacity: 4, sent: 0 },
      dropped: { queue_full: 1, timeout: 0, failed: 0 },
    });
    answer();
    await turn();
    answer({ code: ExportResultCode.FAILED });
    await turn();
    answer();
    await turn();
    assert.deepEqual(exported, [
      ["a", "b"],
      ["c", "d"],
      ["e", "f"],
    ]);
    assert.deepEqual(suppressed, [true, true, true]);
    assert.deepEqual(batches.counts(), {
      ...{ queued: 0, capacity: 4, sent: 4 },
      dropped: { queue_full: 1, timeout: 0, failed: 2 },
    });
  } finally {
    context.disable();
  }
});

test("A batch that is not full goes after the delay; spans that are not sampled never go", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { batches, exported, end } = setUp();
    end("a");
    batches.onEnd(span("unsampled", TraceFlags.NONE));
    mock.timers.tick(CONFIG.scheduleDelayMs - 1);
    assert.deepEqual(exported, []);
    mock.timers.tick(1);
    assert.deepEqual(exported, [["a"]]);
  } finally {
    mock.timers.reset();
  }
});

test("What is not answered is given up and counted once, and the next batch goes", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { batches, exported, end, answer } = setUp();
    end("a", "b", "c", "d");
    mock.timers.tick(CONFIG.exportTimeoutMs);
    await turn();
    assert.deepEqual(exported, [
      ["a", "b"],
      ["c", "d"],
    ]);
    // The first, at last.
    answer();
    assert.deepEqual(batches.counts(), {
      ...{ queued: 0, capacity: 4, sent: 0 },
      dropped: { queue_full: 0, timeout: 2, failed: 0 },
    });
  } finally {
    mock.timers.reset();
  }
});

test("The end waits for all that is queued, and nothing is taken afterwards", async () => {
  const { batches, exported, end, answer } = setUp();
  end("a", "b", "c");
  const closed = batches.shutdown();
  answer();
  await turn();
  answer();
  await closed;
  end("late", "later");
  assert.deepEqual(exported, [["a", "b"], ["c"]]);
});
