// The folder where workers meet: whose it must be, and what is cleared away in it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, watch, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { createRendezvous, leaveTotals, takeTotals } from "../../src/cluster/rendezvous.ts";
import { sweep } from "../../src/cluster/sweep.ts";

const skip = process.platform === "win32";
const PLACE = { parentPid: 1, port: 9464, app: "shop" };
const TOTALS = [{ type: "points", series: [], values: [], exponential: [], exemplars: [], gone: [] }] as const;
const LONG_AGO = new Date(Date.now() - 3_600_000);
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "redtrail-test-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("createRendezvous gives each parent, port and app a socket of its own", { skip }, () => {
  const paths = [PLACE, { ...PLACE, parentPid: 2 }, { ...PLACE, port: 1 }, { ...PLACE, app: "stock" }].map(
    (place) => createRendezvous({ ...place, directory })?.socketPath,
  );
  assert.equal(new Set(paths).size, 4);
  assert.equal(createRendezvous({ ...PLACE, directory })?.socketPath, paths[0]);
});

test("createRendezvous does not take a folder that others may write to", { skip }, () => {
  const folder = join(directory, `redtrail-${process.getuid?.()}`);
  mkdirSync(folder);
  chmodSync(folder, 0o770);
  assert.equal(createRendezvous({ ...PLACE, directory }), undefined);
  chmodSync(folder, 0o700);
  assert.notEqual(createRendezvous({ ...PLACE, directory }), undefined);
});

test("Totals are taken once, a leader's first, and not when they are old or broken", { skip }, () => {
  const place = createRendezvous({ ...PLACE, directory });
  assert.ok(place !== undefined);
  const path = (pid: number): string => join(place.folder, `${place.totalsPrefix}${pid}.json`);
  assert.deepEqual(takeTotals(place), []);
  const left = { instances: ["a"], totals: TOTALS };
  leaveTotals(place, left);
  const ofLeader = { instances: ["leader", "b"], totals: TOTALS };
  writeFileSync(path(1), JSON.stringify(ofLeader));
  assert.deepEqual(takeTotals(place), [ofLeader, left]);
  assert.deepEqual(takeTotals(place), []);
  leaveTotals(place, left);
  utimesSync(path(process.pid), LONG_AGO, LONG_AGO);
  assert.deepEqual(takeTotals(place), []);
  for (const broken of ["{", "[]", "null", '{"instances":1,"totals":[]}']) {
    writeFileSync(path(2), broken);
    assert.deepEqual(takeTotals(place), []);
  }
});

test("sweep removes old files and sockets that nobody listens on, and nothing else", { skip }, async () => {
  const path = (name: string): string => join(directory, name);
  const server = createServer().listen(path("used.sock"));
  await once(server, "listening");
  // As a process leaves it that is killed.
  const script = `require("node:net").createServer().listen(${JSON.stringify(path("stale.sock"))}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
  for (const name of ["old.json", "new.json"]) writeFileSync(path(name), "[]");
  for (const name of ["used.sock", "stale.sock", "old.json"]) utimesSync(path(name), LONG_AGO, LONG_AGO);
  const removed = once(watch(directory, { persistent: false }), "change");
  sweep(directory);
  while (existsSync(path("stale.sock"))) await removed.then(() => new Promise(setImmediate));
  const left = ["used.sock", "new.json", "old.json"].filter((name) => existsSync(path(name)));
  assert.deepEqual(left, ["used.sock", "new.json"]);
  server.close();
});
