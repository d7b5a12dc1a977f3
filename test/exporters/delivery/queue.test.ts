import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { log } from "../../../src/diagnostics/log.ts";
import { type Backlog, DeliveryQueue, type DeliveryQueueOptions } from "../../../src/exporters/delivery/queue.ts";
import type { SendResult } from "../../../src/exporters/delivery/send-result.ts";

const OK: SendResult = { kind: "ok" };
const REFUSED: SendResult = { kind: "retry", reason: "ECONNREFUSED" };

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  for (const level of ["warnSometimes", "warn", "error"] as const) mock.method(log, level, () => {});
  mock.method(log, "info", () => {});
});

afterEach(() => {
  mock.reset();
  mock.timers.reset();
});

/** A queue of 10 in batches of 3, whose server answers with `answers` in order and with the last one from then on. */
function queueWith(answers: SendResult[], options: Partial<DeliveryQueueOptions<number>> = {}) {
  const batches: number[][] = [];
  const queue = new DeliveryQueue<number>({
    name: "Zipkin at http://localhost:9411",
    maxQueueSize: 10,
    maxExportBatchSize: 3,
    scheduleDelayMs: 5_000,
    random: () => 0.5,
    sizeOf: () => 1,
    send: (batch) => {
      batches.push([...batch]);
      return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) as SendResult);
    },
    ...options,
  });
  const add = (from: number, to: number): void => {
    for (let i = from; i <= to; i++) queue.add(i);
  };
  return { queue, batches, add };
}

/** A queue whose deliveries end when the test says so. */
function queueByHand(options: Partial<DeliveryQueueOptions<number>> = {}) {
  const answers: ((result: SendResult) => void)[] = [];
  const batches: number[][] = [];
  const send = (batch: readonly number[]): Promise<SendResult> => {
    batches.push([...batch]);
    return new Promise((resolve) => answers.push(resolve));
  };
  const made = queueWith([OK], { send, ...options });
  return { ...made, batches, answer: (result: SendResult) => answers.shift()?.(result) };
}

async function tick(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await turn();
}

test("DeliveryQueue sends what is queued when the schedule delay has passed", async () => {
  const { queue, batches } = queueWith([OK]);
  queue.add(1);
  await tick(4_999);
  assert.deepEqual(batches, []);
  await tick(1);
  assert.deepEqual(batches, [[1]]);
  assert.deepEqual(queue.stats, {
    added: 1,
    queued: 0,
    queuedBytes: 0,
    capacity: 10,
    sent: 1,
    dropped: { queue_full: 0, rejected: 0, too_large: 0, shutdown: 0 },
    deferred: 0,
    replayed: 0,
    failing: false,
    failure: undefined,
  });
});

test("DeliveryQueue sends a full batch without waiting, but not in the caller's turn", async () => {
  const { batches, add } = queueWith([OK]);
  add(1, 3);
  assert.deepEqual(batches, []);
  await tick(1);
  assert.deepEqual(batches, [[1, 2, 3]]);
});

test("DeliveryQueue has one delivery on its way at most", async () => {
  const { batches, add, answer } = queueByHand();
  add(1, 7);
  await tick(1);
  await tick(60_000);
  assert.deepEqual(batches, [[1, 2, 3]]);
  answer(OK);
  await tick(0);
  await tick(1);
  assert.deepEqual(batches, [
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test("DeliveryQueue drops the oldest beyond its bound and counts it", async () => {
  const { queue, batches, add } = queueWith([OK], { maxExportBatchSize: 10 });
  add(1, 12);
  assert.equal(queue.stats.queued, 10);
  assert.equal(queue.stats.dropped.queue_full, 2);
  await tick(1);
  assert.deepEqual(batches, [[3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]);
});

test("DeliveryQueue counts a batch on its way inside the bound, and keeps the newest when it fails", async () => {
  const { queue, batches, add, answer } = queueByHand();
  add(1, 3);
  await tick(1);
  add(4, 12);
  assert.equal(queue.stats.queued, 10);
  assert.equal(queue.stats.dropped.queue_full, 0, "the batch on its way may still arrive");
  answer(REFUSED);
  await turn();
  assert.equal(queue.stats.queued, 10);
  assert.equal(queue.stats.dropped.queue_full, 2);
  await tick(500);
  assert.deepEqual(batches[1], [3, 4, 5]);
});

test("DeliveryQueue does not count an item as dropped whose delivery succeeds after newer ones pushed it out", async () => {
  const { queue, add, answer } = queueByHand();
  add(1, 3);
  await tick(1);
  add(4, 15);
  answer(OK);
  await turn();
  assert.equal(queue.stats.sent, 3);
  assert.equal(queue.stats.dropped.queue_full, 2, "4 and 5; 1 to 3 arrived");
  assert.deepEqual(queue.takeAll(), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
});

test("DeliveryQueue waits a random part of a limit that doubles up to its maximum", async () => {
  const { batches, add } = queueWith([REFUSED]);
  add(1, 3);
  await tick(1);
  for (const [index, waitMs] of [500, 1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
    await tick(waitMs - 1);
    assert.equal(batches.length, index + 1, `still waiting before ${waitMs} ms`);
    await tick(1);
    assert.equal(batches.length, index + 2, `tried after ${waitMs} ms`);
  }
});

test("DeliveryQueue does not end a back-off because more items come", async () => {
  const { batches, add } = queueWith([REFUSED]);
  add(1, 3);
  await tick(1);
  add(4, 9);
  await tick(499);
  assert.equal(batches.length, 1);
  await tick(1);
  assert.equal(batches.length, 2);
});

test("DeliveryQueue begins with a short back-off again after a success", async () => {
  const { batches, add } = queueWith([REFUSED, REFUSED, OK, REFUSED]);
  add(1, 3);
  for (const waitMs of [1, 500, 1_000]) await tick(waitMs);
  assert.equal(batches.length, 3);
  add(4, 6);
  await tick(1);
  await tick(500);
  assert.equal(batches.length, 5);
});

test("DeliveryQueue loses nothing within its bound while a server is away for 20 s, and sends in order", async () => {
  const answers: SendResult[] = [REFUSED];
  const { queue, batches, add } = queueWith(answers);
  add(1, 10);
  await tick(1);
  for (let second = 0; second < 20; second++) await tick(1_000);
  assert.equal(queue.stats.queued, 10);
  assert.equal(queue.stats.failing, true);
  assert.equal(queue.stats.failure, "ECONNREFUSED");
  answers[0] = OK;
  batches.length = 0;
  for (let second = 0; second < 40; second++) await tick(1_000);
  assert.deepEqual(batches.flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(queue.stats.dropped, { queue_full: 0, rejected: 0, too_large: 0, shutdown: 0 });
  assert.equal(queue.stats.failing, false);
});

test("DeliveryQueue does not try again before Retry-After, and never waits longer than 60 s for it", async () => {
  const { batches, add } = queueWith([
    { kind: "retry", reason: "503", afterMs: 7_000 },
    { kind: "retry", reason: "429", afterMs: 3_600_000 },
    OK,
  ]);
  add(1, 3);
  await tick(1);
  await tick(6_999);
  assert.equal(batches.length, 1);
  await tick(1);
  assert.equal(batches.length, 2);
  await tick(59_999);
  assert.equal(batches.length, 2);
  await tick(1);
  assert.equal(batches.length, 3);
});

test("DeliveryQueue drops a batch that is refused for good and goes on with the next", async () => {
  const { queue, batches, add } = queueWith([{ kind: "drop", reason: "400", detail: "Expected a long" }, OK]);
  add(1, 6);
  await tick(1);
  await tick(1);
  assert.deepEqual(batches, [
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.equal(queue.stats.dropped.rejected, 3);
  assert.equal(queue.stats.sent, 3);
});

test("DeliveryQueue survives a sender that throws", async () => {
  const { queue, add } = queueWith([OK], {
    send: () => {
      throw new Error("bug");
    },
  });
  add(1, 3);
  await tick(1);
  assert.equal(queue.stats.dropped.rejected, 3);
});

test("DeliveryQueue.flush sends everything that is queued, batch after batch", async () => {
  const { queue, batches, add } = queueWith([OK]);
  add(1, 7);
  await queue.flush(1_000);
  assert.deepEqual(batches, [[1, 2, 3], [4, 5, 6], [7]]);
});

test("DeliveryQueue.flush joins the delivery on its way and then sends the rest", async () => {
  const { queue, batches, add, answer } = queueByHand();
  add(1, 4);
  await tick(1);
  const flushed = queue.flush(1_000);
  assert.equal(batches.length, 1);
  answer(OK);
  await turn();
  assert.deepEqual(batches, [[1, 2, 3], [4]]);
  answer(OK);
  await flushed;
  assert.equal(queue.stats.queued, 0);
});

test("DeliveryQueue.flush ends at the first failure, keeps the items and leaves the back-off running", async () => {
  const { queue, batches, add } = queueWith([REFUSED, OK]);
  add(1, 4);
  await queue.flush(1_000);
  assert.equal(batches.length, 1);
  assert.equal(queue.stats.queued, 4);
  await tick(500);
  assert.deepEqual(batches[1], [1, 2, 3]);
});

test("DeliveryQueue.flush does not wait for the end of a back-off", async () => {
  const { queue, batches, add } = queueWith([{ kind: "retry", reason: "503", afterMs: 60_000 }, OK]);
  add(1, 3);
  await tick(1);
  assert.equal(queue.stats.failing, true);
  await queue.flush(1_000);
  assert.equal(batches.length, 2);
  assert.equal(queue.stats.queued, 0);
});

test("DeliveryQueue.flush resolves at its deadline", async () => {
  const { queue, add } = queueByHand();
  add(1, 3);
  const flushed = queue.flush(1_000);
  await tick(1_000);
  await flushed;
  assert.equal(queue.stats.queued, 3);
});

test("DeliveryQueue.flush of an empty queue resolves at once", async () => {
  const { queue, batches } = queueWith([OK]);
  await queue.flush(1_000);
  assert.deepEqual(batches, []);
});

test("DeliveryQueue.shutdown delivers, takes nothing more, and may be called twice", async () => {
  const { queue, batches, add } = queueWith([OK]);
  add(1, 4);
  const first = queue.shutdown(1_000);
  assert.equal(queue.shutdown(1_000), first);
  queue.add(5);
  await first;
  assert.deepEqual(batches, [[1, 2, 3], [4]]);
  assert.equal(queue.stats.dropped.shutdown, 1);
});

test("DeliveryQueue.shutdown keeps what a server that is away did not take, and stops trying", async () => {
  const { queue, batches, add } = queueWith([REFUSED]);
  add(1, 2);
  await queue.shutdown(1_000);
  await tick(60_000);
  assert.equal(batches.length, 1);
  assert.deepEqual(queue.takeAll(), [1, 2]);
});

test("DeliveryQueue.takeAll hands over waiting items and those on their way, once", async () => {
  const { queue, add, answer } = queueByHand();
  add(1, 4);
  await tick(1);
  assert.deepEqual(queue.takeAll(), [1, 2, 3, 4]);
  assert.deepEqual(queue.takeAll(), []);
  add(5, 5);
  answer(OK);
  await turn();
  assert.deepEqual(queue.takeAll(), [5], "the answer to the batch that was taken removes nothing else");
});

test("DeliveryQueue keeps its order when its ring wraps", async () => {
  const { queue, batches, add } = queueWith([OK]);
  for (let round = 0; round < 5; round++) {
    add(round * 10 + 1, round * 10 + 8);
    for (let batch = 0; batch < 3; batch++) await tick(1);
  }
  await queue.flush(1_000);
  const expected = Array.from({ length: 50 }, (_, i) => i + 1).filter((i) => i % 10 >= 1 && i % 10 <= 8);
  assert.deepEqual(batches.flat(), expected);
});

test("DeliveryQueue warns once for an outage and says once that it is over", async () => {
  const warn = mock.method(log, "warn", () => {});
  const info = mock.method(log, "info", () => {});
  const { add } = queueWith([REFUSED, REFUSED, { kind: "retry", reason: "503" }, OK]);
  add(1, 4);
  await tick(1);
  await tick(40_000);
  await tick(40_000);
  await tick(40_000);
  await tick(40_000);
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments[0]),
    ["Zipkin at http://localhost:9411 cannot be reached (ECONNREFUSED); 4 spans wait, 0 were dropped; trying again"],
  );
  assert.deepEqual(
    info.mock.calls.map((call) => call.arguments[0]),
    ["Zipkin at http://localhost:9411 works again; 1 spans wait, 0 were dropped"],
  );
});

test("DeliveryQueue says what a server refused and why", async () => {
  const warn = mock.method(log, "warnSometimes", () => {});
  const { add } = queueWith([{ kind: "drop", reason: "400", detail: "Expected a long" }]);
  add(1, 3);
  await tick(1);
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments[1]),
    ["Zipkin at http://localhost:9411 did not take 3 spans (400: Expected a long); they were dropped"],
  );
});

test("DeliveryQueue bounds its bytes, and its batches by bytes", async () => {
  const { queue, batches } = queueWith([OK], { sizeOf: (item) => item, maxQueueBytes: 100, maxExportBatchBytes: 40 });
  for (const bytes of [30, 20, 10]) queue.add(bytes);
  await tick(0);
  assert.deepEqual(batches, [[30]]);
  for (const bytes of [101, 60, 20]) queue.add(bytes);
  assert.equal(queue.stats.dropped.too_large, 1, "101 is more than the queue holds");
  assert.deepEqual([queue.stats.queuedBytes, queue.stats.dropped.queue_full], [90, 1], "20 had to go for the last 20");
  await queue.flush(1_000);
  assert.deepEqual(batches, [[30], [10], [60], [20]]);
  assert.deepEqual([queue.stats.queuedBytes, queue.stats.sent], [0, 4]);
});

test("DeliveryQueue halves a batch that is too large until the server takes it, and remembers", async () => {
  const { queue, batches, add } = queueWith([OK], {
    maxExportBatchSize: 8,
    sizeOf: () => 10,
    send: (batch) => {
      batches.push([...batch]);
      return Promise.resolve(batch.length > 2 ? { kind: "split", reason: "413" } : OK);
    },
  });
  add(1, 8);
  await queue.flush(1_000);
  assert.deepEqual(batches, [
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1, 2, 3, 4],
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
  ]);
  add(9, 10);
  await queue.flush(1_000);
  assert.equal(queue.stats.sent, 10);
  assert.equal(queue.stats.failing, false);
});

test("DeliveryQueue drops one item that alone is too large, and delivers the others", async () => {
  const { queue, add } = queueWith([OK], {
    sizeOf: () => 10,
    send: (batch) => Promise.resolve(batch.includes(2) ? { kind: "split", reason: "413" } : OK),
  });
  add(1, 3);
  await queue.flush(1_000);
  assert.deepEqual([queue.stats.sent, queue.stats.dropped.too_large, queue.stats.queued], [2, 1, 0]);
});

test("DeliveryQueue sends again only the items that the server asks for, and tells of those it refuses", async () => {
  const rejected: unknown[] = [];
  const { queue, batches, add } = queueWith(
    [{ kind: "partial", reason: "429", retry: [0, 2], rejected: [{ index: 1, reason: "400", detail: "no" }] }, OK],
    { onRejected: (...one) => rejected.push(one) },
  );
  add(1, 3);
  await tick(0);
  assert.deepEqual(rejected, [[2, "400", "no"]]);
  assert.deepEqual([queue.stats.failure, queue.stats.queued, queue.stats.dropped.rejected], ["429", 2, 1]);
  await tick(1_000);
  assert.deepEqual(batches, [
    [1, 2, 3],
    [1, 3],
  ]);
  assert.deepEqual([queue.stats.sent, queue.stats.failing], [2, false]);
});

test("DeliveryQueue gives items to retry their place back only if it is still free", async () => {
  const { queue, add, answer } = queueByHand({ maxQueueSize: 4 });
  add(1, 3);
  await tick(0);
  add(4, 6);
  answer({ kind: "partial", reason: "429", retry: [0, 2], rejected: [] });
  await turn();
  assert.deepEqual(queue.takeAll(), [3, 4, 5, 6]);
  assert.deepEqual([queue.stats.sent, queue.stats.dropped.queue_full], [1, 1]);
});

/** A backlog whose segments are arrays. */
function backlogOf(segments: number[][]) {
  const added: number[] = [];
  const done: number[][] = [];
  const backlog: Backlog<number> = {
    add: (item) => void added.push(item),
    mayHave: () => segments.length > 0,
    take: () => {
      const items = segments.shift();
      if (items === undefined) return Promise.resolve(undefined);
      return Promise.resolve({ items, touch: () => {}, done: () => void done.push(items) });
    },
  };
  return { backlog, added, done };
}

test("DeliveryQueue gives to the backlog what it has no room for, and drops nothing", async () => {
  const { backlog, added } = backlogOf([]);
  const { queue, add } = queueWith([REFUSED], { backlog, maxQueueSize: 4 });
  add(1, 7);
  assert.deepEqual(added, [5, 6, 7]);
  const { added: all, queued, deferred, dropped } = queue.stats;
  assert.deepEqual([all, queued, deferred, dropped.queue_full], [7, 4, 3, 0]);
});

test("DeliveryQueue delivers a backlog that was there before it, though nothing is added", async () => {
  const { backlog, done } = backlogOf([[1, 2, 3, 4], [5]]);
  const { queue, batches } = queueWith([OK], { backlog });
  for (let i = 0; i < 5; i++) await tick(5_000);
  assert.deepEqual(batches, [[1, 2, 3], [4], [5]]);
  assert.deepEqual(done, [[1, 2, 3, 4], [5]]);
  assert.deepEqual([queue.stats.sent, queue.stats.replayed, queue.stats.added], [5, 5, 0]);
});

test("DeliveryQueue lets memory and backlog take turns", async () => {
  const { backlog } = backlogOf([[11, 12, 13], [14]]);
  const { batches, add } = queueWith([OK], { backlog });
  add(1, 9);
  for (let i = 0; i < 6; i++) await tick(0);
  assert.deepEqual(batches, [[11, 12, 13], [1, 2, 3], [14], [4, 5, 6], [7, 8, 9]]);
});

test("DeliveryQueue keeps a segment that failed, and finishes it only when all of it is settled", async () => {
  const { backlog, done } = backlogOf([[1, 2, 3]]);
  const partly: SendResult = { kind: "partial", reason: "503", retry: [1], rejected: [] };
  const { queue, batches } = queueWith([REFUSED, partly, OK], { backlog });
  await tick(5_000);
  assert.deepEqual([queue.stats.failure, done], ["ECONNREFUSED", []]);
  await tick(500);
  assert.deepEqual(done, []);
  await tick(500);
  assert.deepEqual(batches, [[1, 2, 3], [1, 2, 3], [2]]);
  assert.deepEqual([done, queue.stats.sent, queue.stats.replayed], [[[1, 2, 3]], 3, 3]);
});

test("DeliveryQueue says at once, as an error, what somebody has to change", async () => {
  const error = mock.method(log, "error", () => {});
  const denied: SendResult = { kind: "retry", reason: "401", afterMs: 60_000, hint: "check its credentials" };
  const { batches, add } = queueWith([denied]);
  add(1, 3);
  await tick(0);
  await tick(59_999);
  assert.equal(batches.length, 1);
  await tick(1);
  assert.equal(batches.length, 2);
  assert.deepEqual(
    error.mock.calls.map((call) => call.arguments[0]),
    [
      "Zipkin at http://localhost:9411 answered 401 (check its credentials); 3 spans wait, 0 were dropped; trying again once a minute",
    ],
  );
});

test("DeliveryQueue balances its books whatever the server does: added and replayed = sent + queued + dropped + deferred", async () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const segments: number[][] = [];
  let deferred: number[] = [];
  const backlog: Backlog<number> = {
    add: (item) => {
      deferred.push(item);
      if (deferred.length < 4) return;
      segments.push(deferred);
      deferred = [];
    },
    mayHave: () => segments.length > 0,
    take: () => {
      const items = segments.shift();
      return Promise.resolve(items === undefined ? undefined : { items, touch: () => {}, done: () => {} });
    },
  };
  const answerOf = (batch: readonly number[]): SendResult => {
    const dice = random();
    if (dice < 0.3) return REFUSED;
    if (dice < 0.4) return { kind: "drop", reason: "400" };
    if (dice < 0.5) return { kind: "split", reason: "413" };
    if (dice > 0.7) return OK;
    const retry = batch.map((_, index) => index).filter((index) => index % 3 === 0);
    const refused = batch
      .map((_, index) => ({ index, reason: "400", detail: "" }))
      .filter(({ index }) => index % 3 === 1);
    return { kind: "partial", reason: "429", retry, rejected: refused };
  };
  for (const withBacklog of [false, true]) {
    const { queue } = queueWith([], {
      random,
      sizeOf: (item) => item % 50,
      maxQueueBytes: 300,
      maxExportBatchBytes: 120,
      send: async (batch) => answerOf(batch),
      ...(withBacklog ? { backlog } : {}),
    });
    for (let i = 0; i < 4_000; i++) {
      queue.add(Math.floor(random() * 400));
      if (random() < 0.2) await tick(random() * 1_000);
      const stats = queue.stats;
      const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
      const inFlightAndOvertaken = stats.added + stats.replayed - stats.sent - stats.queued - dropped - stats.deferred;
      assert.ok(inFlightAndOvertaken >= 0 && inFlightAndOvertaken <= 3, `${i}: ${JSON.stringify(stats)}`);
    }
    await tick(60_000);
  }
});
