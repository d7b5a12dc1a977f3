import assert from "node:assert/strict";
import test from "node:test";
import { SeriesMemo } from "../../src/metrics/series-memo.ts";

const OWNER = {};

test("SeriesMemo tells names, statuses, owners and values apart", () => {
  const memo = new SeriesMemo<string>();
  const other = {};
  memo.add("a", { status: "OK", owner: OWNER, values: ["x", 1], found: "first" });
  memo.add("a", { status: "OK", owner: other, values: ["x", 1], found: "other" });
  assert.equal(memo.find("a", "OK", OWNER, ["x", 1]), "first");
  assert.equal(memo.find("a", "OK", other, ["x", 1]), "other");
  assert.equal(memo.find("a", "ERROR", OWNER, ["x", 1]), undefined);
  assert.equal(memo.find("b", "OK", OWNER, ["x", 1]), undefined);
  assert.equal(memo.find("a", "OK", OWNER, ["x", "1"]), undefined);
  assert.equal(memo.find("a", "OK", OWNER, ["y", 1]), undefined);
});

test("SeriesMemo keeps 32 outcomes of a name, and the last place changes hands beyond them", () => {
  const memo = new SeriesMemo<number>();
  const add = (i: number): void => memo.add("a", { status: "OK", owner: OWNER, values: [i], found: i });
  const find = (i: number): unknown => memo.find("a", "OK", OWNER, [i]);
  for (let i = 0; i < 32; i++) add(i);
  for (let i = 0; i < 32; i++) assert.equal(find(i), i);
  add(32);
  assert.equal(find(32), 32);
  assert.equal(Array.from({ length: 33 }, (_, i) => find(i)).filter((found) => found === undefined).length, 1);
});

test("SeriesMemo begins anew at 4,096 names, and forgets all when it is told to", () => {
  const memo = new SeriesMemo<number>();
  const add = (i: number): void => memo.add(`n${i}`, { status: "", owner: OWNER, values: [], found: i });
  for (let i = 0; i < 4_096; i++) add(i);
  assert.equal(memo.find("n0", "", OWNER, []), 0);
  add(4_096);
  assert.equal(memo.find("n0", "", OWNER, []), undefined);
  assert.equal(memo.find("n4096", "", OWNER, []), 4_096);
  memo.clear();
  assert.equal(memo.find("n4096", "", OWNER, []), undefined);
});

test("SeriesMemo remembers a name of 255 characters, and none of 256", () => {
  const memo = new SeriesMemo<number>();
  for (const length of [255, 256]) {
    memo.add("x".repeat(length), { status: "", owner: OWNER, values: [], found: length });
  }
  assert.equal(memo.find("x".repeat(255), "", OWNER, []), 255);
  assert.equal(memo.find("x".repeat(256), "", OWNER, []), undefined);
});
