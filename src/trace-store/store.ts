// What shared storage is to the rest of redtrail: the trace of a request, found by its id. The first who writes it wins.
import type { StoredTrace } from "./record.ts";

/** `rejected`: what lay there is no record, or not of who has the secret. `unavailable`: the store is away, nothing was sent. */
export type ReadResult = "hit" | "miss" | "rejected" | "timeout" | "error" | "dropped" | "unavailable";
/** `kept`: somebody was first. `dropped`: too many were on their way. */
export type WriteResult = "written" | "kept" | "timeout" | "error" | "dropped" | "unavailable";

export interface StoreStats {
  readonly reads: Readonly<Record<ReadResult, number>>;
  readonly writes: Readonly<Record<WriteResult, number>>;
  /** Sent, and not answered. */
  readonly inFlight: number;
  /** Whether nothing is sent, because the store is away. */
  readonly isAway: boolean;
}

export interface TraceStore {
  /** For messages: without credentials. */
  readonly name: string;
  readonly stats: StoreStats;
  /** Undefined for what is not there or cannot be had. Never rejects; resolves within a deadline. */
  get(requestId: string): Promise<StoredTrace | undefined>;
  /** Never throws, waits for nothing. */
  set(requestId: string, trace: StoredTrace): void;
  /** Whether `budgetMs` is likely to be enough for an answer, by how the store has answered of late. */
  isPrompt(budgetMs: number): boolean;
  /** Waits for what is on its way, `timeoutMs` at most. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** The same, and no more after it. */
  close(timeoutMs: number): Promise<void>;
}

export function noReads(): Record<ReadResult, number> {
  return { hit: 0, miss: 0, rejected: 0, timeout: 0, error: 0, dropped: 0, unavailable: 0 };
}

export function noWrites(): Record<WriteResult, number> {
  return { written: 0, kept: 0, timeout: 0, error: 0, dropped: 0, unavailable: 0 };
}
