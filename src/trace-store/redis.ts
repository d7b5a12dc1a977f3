// A store in Redis or Valkey: two commands, sent together with all others of a turn, and never waited for longer than a deadline.
import { context as contextApi } from "@opentelemetry/api";
import { log } from "../diagnostics/log.ts";
import { Deque } from "../exporters/delivery/deque.ts";
import { MAX_RECORD_BYTES, type RecordCodec, type StoredTrace } from "./record.ts";
import type { RedisConnection } from "./redis-client.ts";
import { type OpenConnection, SUPPRESSED, createRedisLink, reasonOf } from "./redis-link.ts";
import { type StoreStats, type TraceStore, noReads, noWrites } from "./store.ts";

/** Commands that may wait for an answer; further ones are dropped, and counted. */
const MAX_IN_FLIGHT = 1_000;
/** Answers come in order: when one has not come for so long, the connection is given up, and all that wait on it. */
const DEADLINE_MS = 1_000;

const NOTHING = Promise.resolve(undefined);

export interface RedisStoreOptions {
  readonly name: string;
  readonly codec: RecordCodec;
  readonly ttlMs: number;
  readonly open: OpenConnection;
}

export function createRedisStore({ name, codec, ttlMs, open }: RedisStoreOptions): TraceStore {
  const ttl = String(ttlMs);
  // Not GET: a value that somebody else has put there may be of any size.
  const read = (key: string): string[] => ["GETRANGE", key, "0", String(MAX_RECORD_BYTES)];
  const link = createRedisLink({ name, open, probe: read(codec.key("~")) });
  const reads = noReads();
  const writes = noWrites();
  /** When each command that is not answered was sent, the oldest first. */
  const sentAt = new Deque<number>();
  let lastLatencyMs = 0;
  let isTimedOut = false;
  let deadline: NodeJS.Timeout | undefined;
  let idle: (() => void)[] = [];

  function send(connection: RedisConnection, command: readonly string[]): Promise<unknown> {
    sentAt.push(performance.now());
    deadline ??= setTimeout(checkDeadline, DEADLINE_MS).unref();
    isTimedOut = false;
    return contextApi.with(SUPPRESSED, connection.send, undefined, command);
  }

  function checkDeadline(): void {
    deadline = undefined;
    if (sentAt.length === 0) return;
    const leftMs = sentAt.at(0) + DEADLINE_MS - performance.now();
    if (leftMs > 0) {
      deadline = setTimeout(checkDeadline, leftMs).unref();
      return;
    }
    isTimedOut = true;
    link.drop(new Error("timeout"));
  }

  function settle(): void {
    lastLatencyMs = performance.now() - (sentAt.shift() ?? 0);
    if (sentAt.length > 0) return;
    for (const resolve of idle) resolve();
    idle = [];
  }

  function failureOf(error: unknown): "timeout" | "error" {
    settle();
    if (isTimedOut) return "timeout";
    const reason = reasonOf(error);
    // A connection that ends is said by the link.
    if (/^[A-Z]{3,}$/.test(reason) && !link.isAway) {
      log.warnSometimes(`trace store ${name} ${reason}`, `the trace store ${name} answers ${reason}; it is ignored`);
    }
    return "error";
  }

  function onRead(key: string, reply: unknown): StoredTrace | undefined {
    settle();
    if (reply === "") {
      reads.miss++;
      return undefined;
    }
    const trace = typeof reply === "string" ? codec.decode(key, reply) : undefined;
    reads[trace === undefined ? "rejected" : "hit"]++;
    return trace;
  }

  function onReadFailure(error: unknown): undefined {
    reads[failureOf(error)]++;
  }

  function onWritten(reply: unknown): void {
    settle();
    writes[reply === null ? "kept" : "written"]++;
  }

  function onWriteFailure(error: unknown): void {
    writes[failureOf(error)]++;
  }

  function ask(connection: RedisConnection, requestId: string): Promise<StoredTrace | undefined> {
    const key = codec.key(requestId);
    return send(connection, read(key)).then((reply) => onRead(key, reply), onReadFailure);
  }

  async function flush(timeoutMs: number): Promise<void> {
    if (sentAt.length === 0) return;
    await new Promise<void>((resolve) => {
      // It keeps the process alive, which the connection does not.
      const timer = setTimeout(resolve, timeoutMs);
      idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  let isStarting = true;
  let waiting = 0;
  void link.first.then(() => (isStarting = false));

  /** The very first connection is under way: a job that has just been started has time to wait for it. */
  async function getAtStart(requestId: string): Promise<StoredTrace | undefined> {
    link.start();
    waiting++;
    await link.first;
    waiting--;
    const { connection } = link;
    if (connection !== undefined) return ask(connection, requestId);
    reads.unavailable++;
    return undefined;
  }

  return {
    name,
    get stats(): StoreStats {
      return { reads, writes, inFlight: sentAt.length, isAway: link.isAway };
    },
    get(requestId) {
      const { connection } = link;
      if (connection === undefined && !isStarting) {
        reads.unavailable++;
        return NOTHING;
      }
      if (sentAt.length + waiting >= MAX_IN_FLIGHT) {
        reads.dropped++;
        return NOTHING;
      }
      return connection === undefined ? getAtStart(requestId) : ask(connection, requestId);
    },
    set(requestId, trace) {
      const { connection } = link;
      if (connection === undefined) {
        writes.unavailable++;
        return;
      }
      if (sentAt.length >= MAX_IN_FLIGHT) {
        writes.dropped++;
        return;
      }
      const key = codec.key(requestId);
      void send(connection, ["SET", key, codec.encode(key, trace), "NX", "PX", ttl]).then(onWritten, onWriteFailure);
    },
    isPrompt(budgetMs) {
      if (link.isAway || lastLatencyMs > budgetMs) return false;
      return sentAt.length === 0 || performance.now() - sentAt.at(0) <= budgetMs;
    },
    flush,
    async close(timeoutMs) {
      await flush(timeoutMs);
      clearTimeout(deadline);
      link.close();
    },
  };
}
