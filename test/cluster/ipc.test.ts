// Workers of node:cluster and their primary, in real processes: what is counted anywhere is counted once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CountApp } from "./count-app.ts";

async function withApp(run: (app: CountApp) => Promise<void>): Promise<void> {
  const app = new CountApp({ REDTRAIL_TEST_PRIMARY: "with" });
  try {
    assert.equal((await app.next("role", 0)).kind, "leader");
    await app.next("ready");
    await run(app);
    assert.deepEqual(
      app.said.filter(({ event }) => event === "leak"),
      [],
    );
  } finally {
    await app.stop();
  }
}

test("A worker is a member of its primary, and says so", () =>
  withApp(async (app) => {
    const { kind, address } = await app.fork();
    assert.equal(kind, "member");
    assert.equal(address, `at the cluster's primary (process ${app.child.pid})`);
  }));

test("A primary collects what its workers have counted until now", () =>
  withApp(async (app) => {
    await Promise.all([app.fork(), app.fork()]);
    for (const [id, by] of [
      [1, 5],
      [2, 7],
      [1, 1],
      [0, 100],
    ] as const) {
      app.tell(id, "count", by);
      await app.next("counted", id);
    }
    assert.deepEqual(pick(await app.collect(0)), { count: 113, alive: 3 });
  }));

for (const [how, command] of [
  ["process.exit(1)", "exit 1"],
  ["a signal, after a flush", "end"],
] as const) {
  test(`A worker that ends by ${how} leaves all that it has counted`, () =>
    withApp(async (app) => {
      await Promise.all([app.fork(), app.fork()]);
      app.tell(1, "count", 5);
      app.tell(1, command);
      await app.next("exit", 0);
      assert.deepEqual(pick(await app.collectUntil(0, ({ alive }) => alive === 2)), { count: 5, alive: 2 });
    }));
}

test("A worker that is killed leaves what it had counted at the last collection", () =>
  withApp(async (app) => {
    await Promise.all([app.fork(), app.fork()]);
    app.tell(1, "count", 5);
    await app.next("counted");
    assert.equal((await app.collect(0))["count"], 5);
    app.tell(1, "kill");
    await app.next("exit", 0);
    assert.deepEqual(pick(await app.collectUntil(0, ({ alive }) => alive === 2)), { count: 5, alive: 2 });
  }));

test("A worker that is disconnected and lives on is counted on, by socket", () =>
  withApp(async (app) => {
    await app.fork();
    app.tell(1, "count", 5);
    await app.next("counted");
    app.tell(1, "disconnect");
    await app.next("disconnected");
    assert.deepEqual(pick(await app.collectUntil(0, ({ count }) => count === 1_005)), { count: 1_005, alive: 2 });
  }));

function pick({ count, alive }: Record<string, number>): unknown {
  return { count, alive };
}
