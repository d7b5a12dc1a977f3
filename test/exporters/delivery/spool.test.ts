import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, mock, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { log } from "../../../src/diagnostics/log.ts";
import { Spool, type SpoolOptions } from "../../../src/exporters/delivery/spool.ts";

const root = mkdtempSync(join(tmpdir(), "redtrail-spool-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

function newFolder(): string {
  return join(root, String(folders++));
}

function spoolIn(folder: string, options: Partial<SpoolOptions> = {}): Spool {
  return new Spool({ folder, kind: "zipkin", maxBytes: 1_000_000, writeDelayMs: 1, ...options });
}

async function takeAll(spool: Spool): Promise<string[]> {
  const items: string[] = [];
  for (let segment = await spool.take(); segment !== undefined; segment = await spool.take()) {
    items.push(...segment.items.map(String));
    segment.done();
  }
  return items;
}

/** JSON texts of numbers. */
function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

function bytes(items: readonly string[]): Buffer[] {
  return items.map((item) => Buffer.from(item));
}

async function untilWritten(spool: Spool, count: number): Promise<void> {
  while (spool.stats.written < count) await wait(5);
}

test("Spool gives back what it was given, once and oldest first", async () => {
  const spool = spoolIn(newFolder());
  for (const item of numbers(1, 1_200)) spool.add(Buffer.from(item));
  await untilWritten(spool, 1_200);
  assert.deepEqual([spool.stats.waiting, spool.stats.waitingBytes > 1_200], [1_200, true]);
  assert.deepEqual(await takeAll(spool), numbers(1, 1_200));
  assert.deepEqual(await takeAll(spool), []);
  assert.equal(spool.mayHave(), false, "it need not be asked again for a while");
});

test("Spool keeps items for a later process, and its files from other users", async () => {
  const folder = newFolder();
  const first = spoolIn(folder, { writeDelayMs: 60_000 });
  for (const item of numbers(1, 3)) first.add(Buffer.from(item));
  assert.equal(first.endSync(bytes(numbers(4, 600))), 597);
  assert.deepEqual(
    readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777),
    [0o600, 0o600, 0o600],
  );
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.deepEqual((await takeAll(spoolIn(folder))).toSorted(), numbers(1, 600).toSorted());
});

test("Spool drops the oldest segments beyond its bytes, and counts them", async () => {
  mock.method(log, "warnSometimes", () => {});
  const folder = newFolder();
  for (let i = 0; i < 5; i++) {
    const spool = spoolIn(folder, { maxBytes: 30 });
    assert.equal(spool.endSync(bytes(numbers(10 + i * 3, 12 + i * 3))), 3);
    assert.equal(spool.stats.dropped.spool_full, i < 3 ? 0 : 3);
    await wait(2);
  }
  assert.deepEqual(await takeAll(spoolIn(folder)), numbers(16, 24));
  mock.restoreAll();
});

test("Spool skips lines that are not whole, and counts them", async () => {
  const folder = newFolder();
  spoolIn(folder).endSync(bytes(['{"a":1}', '{"b":2}', '{"c":3}']));
  const [name = ""] = readdirSync(folder);
  const file = join(folder, name);
  // A disk that was full, or lost power: cut in the middle of the last line, zeros at the end.
  writeFileSync(file, readFileSync(file, "utf8").slice(0, -5));
  appendFileSync(file, "\0\0\0");
  const spool = spoolIn(folder);
  assert.deepEqual(await takeAll(spool), ['{"a":1}', '{"b":2}']);
  assert.equal(spool.stats.dropped.spool_corrupt, 1);
  assert.deepEqual(readdirSync(folder), []);
});

test("Spool leaves files alone that are not its own kind's segments", async () => {
  const folder = newFolder();
  spoolIn(folder, { kind: "elasticsearch" }).endSync(bytes(["1"]));
  writeFileSync(join(folder, "zipkin-notes.txt"), "mine");
  assert.deepEqual(await takeAll(spoolIn(folder)), []);
  assert.equal(readdirSync(folder).length, 2);
});

test("Spool says once that its folder cannot be used, counts what is lost, and throws nothing", async () => {
  const warn = mock.method(log, "warnSometimes", () => {});
  const file = newFolder();
  writeFileSync(file, "");
  const spool = spoolIn(join(file, "below"));
  spool.add(Buffer.from("1"));
  while (spool.stats.dropped.spool_failed === 0) await wait(5);
  assert.equal(spool.endSync(bytes(["2", "3"])), 0);
  assert.equal(await spool.take(), undefined);
  assert.equal(spool.stats.dropped.spool_failed, 3);
  assert.match(String(warn.mock.calls[0]?.arguments[1]), /the spool folder ".*" cannot be used \(ENOTDIR\)/);
  mock.restoreAll();
});

test("Spool gives back at its end what it has claimed and not delivered", async () => {
  const folder = newFolder();
  spoolIn(folder).endSync(bytes(["1", "2"]));
  const spool = spoolIn(folder);
  assert.deepEqual((await spool.take())?.items.map(String), ["1", "2"]);
  const other = spoolIn(folder);
  assert.equal(await other.take(), undefined, "claimed");
  spool.endSync([]);
  assert.deepEqual(await takeAll(spoolIn(folder)), ["1", "2"]);
});

test("Spool takes over a claim that nobody has touched for five minutes, and leaves a fresh one of another host", async () => {
  const folder = newFolder();
  spoolIn(folder).endSync(bytes(["1"]));
  const [name = ""] = readdirSync(folder);
  const claim = join(folder, `${name}.otherhost.1.0.0.claim`);
  renameSync(join(folder, name), claim);
  assert.equal(await spoolIn(folder).take(), undefined);
  const old = new Date(Date.now() - 301_000);
  utimesSync(claim, old, old);
  assert.deepEqual(await takeAll(spoolIn(folder)), ["1"]);
});

/** Another process with a spool in the folder, that takes segments and says what it got, or holds one for ever. */
function spawnTaker(folder: string, isHolding: boolean): ChildProcess {
  const module = JSON.stringify(import.meta.resolve("../../../src/exporters/delivery/spool.ts"));
  const code = `
    import { Spool } from ${module};
    const spool = new Spool({ folder: ${JSON.stringify(folder)}, kind: "zipkin", maxBytes: 1e9 });
    for (let one = await spool.take(); one !== undefined; one = await spool.take()) {
      process.send(one.items.map(String));
      if (${isHolding}) await new Promise((resolve) => setTimeout(resolve, 60_000));
      one.done();
    }
    process.disconnect();`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

test("Spool is emptied by several processes at once, and each item comes out once", async () => {
  const folder = newFolder();
  const writer = spoolIn(folder);
  for (let i = 0; i < 60; i++) writer.endSync(bytes(numbers(i * 10, i * 10 + 9)));
  const all: string[] = [];
  const takers = [0, 1, 2].map(() => spawnTaker(folder, false));
  for (const taker of takers) taker.on("message", (items: string[]) => all.push(...items));
  await Promise.all(takers.map((taker) => once(taker, "close")));
  assert.deepEqual(
    all.map(Number).toSorted((a, b) => a - b),
    numbers(0, 599).map(Number),
  );
});

test("Spool takes over at once what a process of this host had claimed that was killed", async () => {
  const folder = newFolder();
  spoolIn(folder).endSync(bytes(["1", "2"]));
  const taker = spawnTaker(folder, true);
  await once(taker, "message");
  assert.equal(await spoolIn(folder).take(), undefined, "claimed by a living process");
  taker.kill("SIGKILL");
  await once(taker, "close");
  assert.deepEqual(await takeAll(spoolIn(folder)), ["1", "2"]);
});
