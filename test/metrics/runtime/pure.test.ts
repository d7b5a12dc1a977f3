import assert from "node:assert/strict";
import test from "node:test";
import { countTypes, nextRefreshMs } from "../../../src/metrics/runtime/active-resources.ts";
import { utilizationSince } from "../../../src/metrics/runtime/event-loop-time.ts";
import { gcType } from "../../../src/metrics/runtime/gc.ts";
import { cpuShare } from "../../../src/metrics/runtime/process.ts";
import { type Rotation, turn } from "../../../src/metrics/runtime/rotation.ts";

/** How far back each reading reaches, when windows of 30 s are read at these times. */
function reaches(times: readonly number[], windowMs = 30): number[] {
  const rotation: Rotation = { elder: 0, turnedAtMs: 0 };
  const begun: [number, number] = [0, 0];
  return times.map((time) => {
    const emptied = turn(rotation, time, windowMs);
    if (emptied !== undefined) begun[emptied] = time;
    return time - begun[rotation.elder];
  });
}

const ROTATIONS: readonly { name: string; times: readonly number[]; reach: readonly number[] }[] = [
  { name: "no window turns before its time", times: [0, 10, 29], reach: [0, 10, 29] },
  { name: "the other window is read once its time is over", times: [30, 59, 60, 89, 90], reach: [30, 59, 30, 59, 30] },
  { name: "a quick reader sees one to two windows", times: [15, 30, 45, 60, 75], reach: [15, 30, 45, 30, 45] },
  { name: "a lone slow reader sees exactly what is new to it", times: [100, 200, 300], reach: [100, 100, 100] },
  { name: "after a long silence the whole of it is read", times: [30, 1000], reach: [30, 970] },
  { name: "two readers that take turns", times: [10, 25, 40, 55, 70, 85], reach: [10, 25, 40, 55, 30, 45] },
];

for (const { name, times, reach } of ROTATIONS) {
  test(`turn: ${name}`, () => assert.deepEqual(reaches(times), reach));
}

test("turn loses nothing between the readings of two readers within the window", () => {
  const times = Array.from({ length: 200 }, (_, index) => 1 + index * 7);
  const reach = reaches(times);
  for (const [index, time] of times.entries()) {
    // Every fourth reading is the slow reader's, 28 apart.
    const previous = times[index - 4] ?? 0;
    assert.ok(time - (reach[index] as number) <= previous, `at ${time}`);
  }
});

test("utilizationSince is the active share since the mark, and 0 where no time has passed", () => {
  assert.equal(utilizationSince({ active: 10, idle: 10 }, { active: 40, idle: 20 }), 0.75);
  assert.equal(utilizationSince({ active: 0, idle: 0 }, { active: 5, idle: 0 }), 1);
  assert.equal(utilizationSince({ active: 5, idle: 5 }, { active: 5, idle: 5 }), 0);
  assert.equal(utilizationSince({ active: 5, idle: 5 }, { active: 4, idle: 9 }), 0);
});

test("cpuShare is of all CPUs, and 0 where no time has passed", () => {
  assert.equal(cpuShare(1_000_000, 1000, 4), 0.25);
  assert.equal(cpuShare(1_000_000, 0, 4), 0);
  assert.equal(cpuShare(-1, 1000, 1), 0);
});

const KINDS: readonly [unknown, string | undefined][] = [
  [1, "minor"],
  [2, "minor"],
  [4, "major"],
  [8, "incremental"],
  [16, "weakcb"],
  [32, undefined],
  [undefined, undefined],
];

for (const [kind, type] of KINDS) {
  test(`gcType of ${String(kind)} is ${String(type)}`, () => assert.equal(gcType(kind), type));
}

test("nextRefreshMs waits ten seconds, and longer after a refresh that took more than a millisecond", () => {
  assert.equal(nextRefreshMs(1000, 0), 11_000);
  assert.equal(nextRefreshMs(1000, 1), 11_000);
  assert.equal(nextRefreshMs(1000, 6), 61_000);
});

test("countTypes counts anew, keeps what is gone as 0, and counts types beyond its bound as other", () => {
  const counts = new Map<string, number>();
  countTypes(["Timeout", "TCPSocketWrap", "Timeout"], counts, 2);
  assert.deepEqual(
    [...counts],
    [
      ["Timeout", 2],
      ["TCPSocketWrap", 1],
    ],
  );
  countTypes(["TCPSocketWrap", "A", "B"], counts, 2);
  assert.deepEqual(
    [...counts],
    [
      ["Timeout", 0],
      ["TCPSocketWrap", 1],
      ["other", 2],
    ],
  );
  countTypes(["other"], counts, 2);
  assert.equal(counts.size, 3);
});
