// redtrail's own messages: one line each on stderr, by level, and never the same warning twice within an interval.
import { writeSync } from "node:fs";
import type { DiagLogger } from "@opentelemetry/api";
import type { LogLevel } from "../config/config.ts";

const RANK: Record<LogLevel, number> = { none: 0, error: 1, warn: 2, info: 3, debug: 4, verbose: 5, all: 6 };
const REPEAT_AFTER_MS = 60_000;
const MAX_REMEMBERED = 1_000;

let threshold = RANK.info;
/** Message key -> when it may be said again. Forgets all when it holds MAX_REMEMBERED, so that it cannot grow without bound. */
const quietUntil = new Map<string, number>();

export function setLogLevel(level: LogLevel): void {
  threshold = RANK[level];
}

function write(rank: number, text: string): void {
  if (rank > threshold) return;
  try {
    // Not process.stderr: it costs milliseconds to set up, and a preload must not decide how the app's stderr behaves.
    writeSync(2, `redtrail: ${text}\n`);
  } catch {
    // A closed or full stderr is not the app's problem.
  }
}

export const log: {
  error(text: string): void;
  warn(text: string): void;
  info(text: string): void;
  debug(text: string): void;
  /** Warns at most once a minute for the same key, however often it is called. Returns whether it did. */
  warnSometimes(key: string, text: string): boolean;
} = {
  error: (text) => write(RANK.error, text),
  warn: (text) => write(RANK.warn, text),
  info: (text) => write(RANK.info, text),
  debug: (text) => write(RANK.debug, text),
  warnSometimes(key, text) {
    const now = performance.now();
    if ((quietUntil.get(key) ?? 0) > now) return false;
    if (quietUntil.size >= MAX_REMEMBERED) quietUntil.clear();
    quietUntil.set(key, now + REPEAT_AFTER_MS);
    write(RANK.warn, text);
    return true;
  },
};

const SECOND_SDK =
  "the app registers an OpenTelemetry SDK of its own; redtrail was first and stays in charge (remove one of the two, or use redtrail/node-sdk)";

/** What @opentelemetry/api's `diag` writes to. Its info and debug talk about the SDK's inside, so they come one level later. */
export const diagLogger: DiagLogger = {
  error: (message, ...rest) => {
    if (message.includes("duplicate registration of API")) log.warnSometimes("second-sdk", SECOND_SDK);
    else log.warnSometimes(message, describe(message, rest));
  },
  warn: (message, ...rest) => log.warnSometimes(message, describe(message, rest)),
  info: (message, ...rest) => write(RANK.debug, describe(message, rest)),
  debug: (message, ...rest) => write(RANK.verbose, describe(message, rest)),
  verbose: (message, ...rest) => write(RANK.all, describe(message, rest)),
};

function describe(message: string, rest: readonly unknown[]): string {
  const text = rest.length === 0 ? message : `${message} ${rest.map(String).join(" ")}`;
  return text.replaceAll(/\s*\n\s*/g, " | ");
}
