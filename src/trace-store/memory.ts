// A store for one process: several servers in it, and tests.
import type { StoredTrace } from "./record.ts";
import { type StoreStats, type TraceStore, noReads, noWrites } from "./store.ts";

export interface MemoryStoreOptions {
  readonly ttlMs: number;
  /** Beyond it the oldest is forgotten. @default 10000 */
  readonly maxRecords?: number;
  /** Milliseconds of a clock that only goes forward. @default performance.now */
  readonly now?: () => number;
}

interface Entry {
  readonly trace: StoredTrace;
  readonly expiresAt: number;
}

export function createMemoryStore({
  ttlMs,
  maxRecords = 10_000,
  now = () => performance.now(),
}: MemoryStoreOptions): TraceStore {
  /** In the order of writing, which is that of expiring. */
  const entries = new Map<string, Entry>();
  const reads = noReads();
  const writes = noWrites();
  let isClosed = false;
  const stats: StoreStats = { reads, writes, inFlight: 0, isAway: false };

  function find(requestId: string): StoredTrace | undefined {
    const entry = entries.get(requestId);
    if (entry === undefined || entry.expiresAt > now()) return entry?.trace;
    entries.delete(requestId);
    return undefined;
  }

  return {
    name: "memory",
    stats,
    async get(requestId) {
      const trace = find(requestId);
      reads[trace === undefined ? "miss" : "hit"]++;
      return trace;
    },
    set(requestId, trace) {
      if (isClosed) {
        writes.unavailable++;
        return;
      }
      if (find(requestId) !== undefined) {
        writes.kept++;
        return;
      }
      if (entries.size >= maxRecords) entries.delete(entries.keys().next().value as string);
      entries.set(requestId, { trace, expiresAt: now() + ttlMs });
      writes.written++;
    },
    isPrompt: () => true,
    flush: async () => {},
    async close() {
      isClosed = true;
      entries.clear();
    },
  };
}
