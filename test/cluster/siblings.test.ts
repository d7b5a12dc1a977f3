// Workers of a primary without redtrail, as under PM2, in real processes: one leads, and others follow when it goes.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { CountApp, type Said } from "./count-app.ts";

interface Workers {
  readonly app: CountApp;
  readonly leader: number;
  readonly members: readonly number[];
  readonly directory: string;
}

/** Three workers of which one leads, with 1, 10 and 100 counted. */
async function withWorkers(run: (workers: Workers) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "redtrail-test-"));
  const port = await freePort();
  const app = new CountApp({ REDTRAIL_TEST_PORT: String(port), REDTRAIL_TEST_DIRECTORY: directory });
  try {
    await app.next("ready");
    const roles: Said[] = await Promise.all([app.fork(), app.fork(), app.fork()]);
    for (const id of [1, 2, 3]) {
      app.tell(id, "count", 10 ** (id - 1));
      await app.next("counted", id);
    }
    const idsOf = (kind: string): number[] => roles.filter((role) => role.kind === kind).map(({ id }) => id);
    assert.equal(idsOf("leader").length, 1);
    assert.equal(idsOf("member").length, 2);
    await run({ app, leader: idsOf("leader")[0] as number, members: idsOf("member"), directory });
    assert.deepEqual(
      app.said.filter(({ event }) => event === "leak"),
      [],
    );
  } finally {
    await app.stop();
    // A worker that is ending may still write its last word.
    rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Whoever of these leads now. */
async function collectFromAny(app: CountApp, ids: readonly number[], expected: object): Promise<void> {
  for (let tries = 0; tries < 3_000; tries++) {
    for (const id of ids) {
      const { count, alive } = await app.collect(id);
      if (JSON.stringify({ count, alive }) === JSON.stringify(expected)) return;
    }
  }
  assert.fail(`none of ${String(ids)} ever had ${JSON.stringify(expected)}`);
}

test("The worker that gets the port has the sum of all", () =>
  withWorkers(async ({ app, leader }) => {
    const { count, alive } = await app.collect(leader);
    assert.deepEqual({ count, alive }, { count: 111, alive: 3 });
  }));

for (const [how, command] of [
  ["process.exit", "exit 0"],
  ["a signal, after its end has been announced", "end"],
] as const) {
  test(`A leader that ends by ${how} leaves what it has counted, and who was gone before it, to the next one`, () =>
    withWorkers(async ({ app, leader, members: [first = 0, second = 0], directory }) => {
      app.tell(first, "exit 0");
      await app.next("exit");
      await app.collectUntil(leader, ({ alive }) => alive === 2);
      app.tell(leader, command);
      await app.next("exit");
      const { id } = await app.fork();
      await collectFromAny(app, [second, id], { count: 111, alive: 2 });
      assert.deepEqual(
        readdirSync(directory, { recursive: true }).filter((name) => String(name).endsWith(".json")),
        [],
      );
    }));
}

test("When a leader is killed the others go on with their own counts", () =>
  withWorkers(async ({ app, leader, members }) => {
    assert.equal((await app.collect(leader))["count"], 111);
    app.tell(leader, "kill");
    await app.next("exit");
    const { id } = await app.fork();
    await collectFromAny(app, [...members, id], { count: 111 - 10 ** (leader - 1), alive: 3 });
  }));

test("Workers whose port is somebody else's are alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "redtrail-test-"));
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const app = new CountApp({ REDTRAIL_TEST_PORT: String(port), REDTRAIL_TEST_DIRECTORY: directory });
  try {
    assert.equal((await app.fork()).kind, "alone");
  } finally {
    await app.stop();
    other.close();
    // A worker that is ending may still write its last word.
    rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 100 });
  }
});

test(
  "Workers do not meet in a directory that is not theirs alone",
  { skip: process.platform === "win32" },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "redtrail-test-"));
    writeFileSync(join(directory, `redtrail-${process.getuid?.()}`), "");
    const port = await freePort();
    const app = new CountApp({ REDTRAIL_TEST_PORT: String(port), REDTRAIL_TEST_DIRECTORY: directory });
    try {
      assert.equal((await app.fork()).kind, "alone");
    } finally {
      await app.stop();
      // A worker that is ending may still write its last word.
      rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 100 });
    }
  },
);
