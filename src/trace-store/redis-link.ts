// Keeps one connection to a store: opens it, tries it, gives it up when it fails, and opens another after a pause.
import { type Context, ROOT_CONTEXT, context as contextApi } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { log } from "../diagnostics/log.ts";
import { createBreaker } from "./breaker.ts";
import type { RedisConnection } from "./redis-client.ts";

/** A host that swallows packets keeps the process alive for as long. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** From the first packet to the answer to the first command. */
const OPEN_TIMEOUT_MS = 2_000;

/** What we do ourselves is in nobody's trace. */
export const SUPPRESSED: Context = suppressTracing(ROOT_CONTEXT);

/** Characters of a reason in a message. */
const MAX_REASON = 80;

export type OpenConnection = (onReady: () => void, onDown: (error: unknown) => void) => RedisConnection;

export interface RedisLinkOptions {
  /** For messages. */
  readonly name: string;
  readonly open: OpenConnection;
  /** A command that every server answers who will answer the others. */
  readonly probe: readonly string[];
}

export interface RedisLink {
  /** Undefined while the store is away. */
  readonly connection: RedisConnection | undefined;
  readonly isAway: boolean;
  /** Begins, where that has not happened yet: it does by itself when the app has loaded. */
  start(): void;
  /** Resolves when the first attempt has come to an end, well or not. */
  readonly first: Promise<void>;
  /** Something is wrong with the connection. */
  drop(reason: unknown): void;
  close(): void;
}

export function createRedisLink({ name, open, probe }: RedisLinkOptions): RedisLink {
  const breaker = createBreaker();
  /** The one that is being opened, or is open. */
  let current: RedisConnection | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let wasSaid = false;
  let isStarted = false;
  let endFirst = (): void => {};
  const first = new Promise<void>((resolve) => (endFirst = resolve));

  function start(): void {
    if (isStarted || isClosed) return;
    isStarted = true;
    connect();
  }

  function connect(): void {
    breaker.probe();
    wait(OPEN_TIMEOUT_MS, () => drop(new Error("timeout")));
    try {
      current = contextApi.with(SUPPRESSED, openAndProbe);
    } catch (error) {
      drop(error);
    }
  }

  function openAndProbe(): RedisConnection {
    const opened: RedisConnection = open(
      () => {
        opened.send(probe).then(
          () => up(opened),
          (error: unknown) => down(opened, error),
        );
      },
      (error) => down(opened, error),
    );
    return opened;
  }

  function up(connection: RedisConnection): void {
    if (connection !== current) return;
    clearTimeout(timer);
    breaker.close();
    if (wasSaid) log.info(`the trace store ${name} works again`);
    wasSaid = false;
    endFirst();
  }

  /** Of an earlier connection nothing is news. */
  function down(connection: RedisConnection, reason: unknown): void {
    if (connection === current) drop(reason);
  }

  function drop(reason: unknown): void {
    if (breaker.state === "open" || isClosed) return;
    const dropped = current;
    current = undefined;
    wait(breaker.trip(), connect);
    dropped?.destroy();
    wasSaid ||= log.warnSometimes(
      `trace store ${name}`,
      `the trace store ${name} is away (${reasonOf(reason)}); requests go on in traces of their own`,
    );
    endFirst();
  }

  function wait(ms: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(then, ms).unref();
  }

  // Not now: the context manager is registered later. An app that ends at once asks nobody.
  setImmediate(start).unref();
  return {
    get connection() {
      return breaker.state === "closed" ? current : undefined;
    },
    get isAway() {
      return breaker.state !== "closed";
    },
    start,
    first,
    drop,
    close() {
      isClosed = true;
      clearTimeout(timer);
      current?.destroy();
      current = undefined;
      endFirst();
    },
  };
}

/** `ECONNREFUSED`, the first word of what a server says (`NOAUTH`, `WRONGPASS`, `LOADING`) where it says something, or all of its words. */
export function reasonOf(error: unknown): string {
  const { code, message = error } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "string") return code;
  const text = String(message);
  return /^(?!ERR )[A-Z]{3,}(?= )/.exec(text)?.[0] ?? text.replaceAll(/\p{Cc}+/gu, " ").slice(0, MAX_REASON);
}
