import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../src/trace-store/memory.ts";
import { traceStoreContract } from "../contracts/trace-store.ts";

traceStoreContract("memory", { create: async (ttlMs) => createMemoryStore({ ttlMs }) });

const TRACE = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "a",
};

test("A store in memory forgets the oldest when it is full", async () => {
  const store = createMemoryStore({ ttlMs: 1_000, maxRecords: 3 });
  for (const id of ["a", "b", "c", "d"]) store.set(id, TRACE);
  assert.equal(await store.get("a"), undefined);
  for (const id of ["b", "c", "d"]) assert.deepEqual(await store.get(id), TRACE, id);
});

test("A record lives until the end of its time, and not longer", async () => {
  let now = 0;
  const store = createMemoryStore({ ttlMs: 100, now: () => now });
  store.set("a", TRACE);
  now = 99;
  assert.deepEqual(await store.get("a"), TRACE);
  now = 100;
  assert.equal(await store.get("a"), undefined);
});
