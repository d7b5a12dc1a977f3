// What every store of traces keeps to.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredTrace } from "../../src/trace-store/record.ts";
import type { TraceStore } from "../../src/trace-store/store.ts";

export interface StoreUnderTest {
  /** Resolves when it takes commands. */
  readonly create: (ttlMs: number) => Promise<TraceStore>;
  readonly skip?: false | string;
}

const trace = (spanId: string): StoredTrace => ({
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId,
  isSampled: false,
  isRandom: true,
  service: "a",
});
const FIRST = trace("b7ad6b7169203331");
const SECOND = trace("b7ad6b7169203332");

export function traceStoreContract(name: string, { create, skip = false }: StoreUnderTest): void {
  let ids = 0;
  const newId = (): string => `contract-${process.pid}-${performance.now()}-${++ids}`;

  async function withStore(ttlMs: number, use: (store: TraceStore) => Promise<void>): Promise<void> {
    const store = await create(ttlMs);
    try {
      await use(store);
    } finally {
      await store.close(250);
    }
  }

  test(`${name}: what was written is found, and what was not is not`, { skip }, () =>
    withStore(60_000, async (store) => {
      const id = newId();
      assert.equal(await store.get(id), undefined);
      store.set(id, FIRST);
      assert.deepEqual(await store.get(id), FIRST);
      assert.equal(await store.get(`${id}x`), undefined);
      const { reads, writes, inFlight, isAway } = store.stats;
      assert.deepEqual([reads.hit, reads.miss, writes.written, inFlight, isAway], [1, 2, 1, 0, false]);
    }),
  );

  test(`${name}: who writes first wins`, { skip }, () =>
    withStore(60_000, async (store) => {
      const id = newId();
      store.set(id, FIRST);
      store.set(id, SECOND);
      assert.deepEqual(await store.get(id), FIRST);
      await store.flush(1_000);
      assert.deepEqual([store.stats.writes.written, store.stats.writes.kept], [1, 1]);
    }),
  );

  test(`${name}: what was written is gone after its time, and can be written again`, { skip }, () =>
    withStore(40, async (store) => {
      const id = newId();
      store.set(id, FIRST);
      assert.deepEqual(await store.get(id), FIRST);
      const until = performance.now() + 5_000;
      while ((await store.get(id)) !== undefined) assert.ok(performance.now() < until, "it lives for ever");
      store.set(id, SECOND);
      assert.deepEqual(await store.get(id), SECOND);
    }),
  );

  test(`${name}: any valid request id is a key, and no two are the same`, { skip }, () =>
    withStore(60_000, async (store) => {
      const ids = ["x".repeat(128), "a/b", "a:b", "a=b|c@d+e~f", "*"].map((id) => `${id}${newId()}`.slice(-128));
      for (const [index, id] of ids.entries()) store.set(id, trace(`b7ad6b716920333${index + 1}`));
      for (const [index, id] of ids.entries()) assert.equal((await store.get(id))?.spanId.at(-1), String(index + 1));
    }),
  );

  test(`${name}: after its end it finds nothing, takes nothing, and throws nothing`, { skip }, async () => {
    const store = await create(60_000);
    const id = newId();
    store.set(id, FIRST);
    await store.close(250);
    await store.close(250);
    store.set(id, SECOND);
    assert.equal(await store.get(id), undefined);
    await store.flush(250);
  });
}
