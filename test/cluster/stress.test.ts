// Four workers count 10,000 events while some of them end in every way there is, and are replaced: none is lost, none twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CountApp } from "./count-app.ts";

const EVENTS = 10_000;
const PER_MESSAGE = 10;

test("10,000 events of four workers that come and go are 10,000 in the sum, which never goes down", async () => {
  const app = new CountApp({ REDTRAIL_TEST_PRIMARY: "with" });
  try {
    await app.next("role", 0);
    await app.next("ready");
    const workers: Worker[] = (await Promise.all([1, 2, 3, 4].map(() => app.fork()))).map(({ id }) => ({
      id,
      told: 0,
    }));
    const totals: number[] = [];
    const counting = new AbortController();
    const collecting = (async () => {
      while (!counting.signal.aborted) totals.push((await app.collect(0))["count"] ?? 0);
    })();
    for (let told = 0; told < EVENTS; told += PER_MESSAGE) {
      const worker = workers[(told / PER_MESSAGE) % workers.length] as Worker;
      if (told === 2_000 || told === 4_000 || told === 6_000) {
        const how = ({ 2_000: "end", 4_000: "exit 1", 6_000: "kill" } as const)[told];
        await replace(app, workers, worker, how, told, totals);
      }
      const current = workers[(told / PER_MESSAGE) % workers.length] as Worker;
      app.tell(current.id, "count", PER_MESSAGE);
      current.told++;
    }
    for (const worker of workers) await allCounted(app, worker);
    counting.abort();
    await collecting;
    const { count, alive } = await app.collectUntil(0, ({ alive }) => alive === 5);
    totals.push(count ?? 0);
    assert.deepEqual({ count, alive }, { count: EVENTS, alive: 5 });
    assert.deepEqual(
      totals,
      totals.toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      app.said.filter(({ event }) => event === "leak"),
      [],
    );
  } finally {
    await app.stop();
  }
});

interface Worker {
  id: number;
  told: number;
}

async function allCounted(app: CountApp, worker: Worker): Promise<void> {
  for (; worker.told > 0; worker.told--) await app.next("counted", worker.id);
}

/** Ends a worker when it has counted all it was told to, and not later; the others go on. */
async function replace(
  app: CountApp,
  workers: Worker[],
  worker: Worker,
  how: "end" | "exit 1" | "kill",
  told: number,
  totals: readonly number[],
): Promise<void> {
  await allCounted(app, worker);
  if (how === "kill") {
    // Nobody can tell what the last second of a killed worker was: it is killed after a quiet one.
    for (const other of workers) await allCounted(app, other);
    const deadline = performance.now() + 10_000;
    while (totals.at(-1) !== told && performance.now() < deadline) await new Promise(setImmediate);
    assert.equal(totals.at(-1), told);
  }
  app.tell(worker.id, how);
  await app.next("exit", 0);
  workers[workers.indexOf(worker)] = { id: (await app.fork()).id, told: 0 };
}
