// Which Redis commands are worth a span: calls, and neither what sets a connection up nor what waits for others.
import type { Attributes } from "@opentelemetry/api";

/** Drivers send them for each connection that they make. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  ...["CONNECT", "HELLO", "AUTH", "CLIENT", "SELECT", "READONLY", "INFO", "QUIT"],
]);
/** Their length is how long there was nothing to do: hours, for the loop of a worker. */
const WAITING: ReadonlySet<string> = new Set([
  ...["BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "WAIT", "WAITAOF"],
  ...["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR"],
]);
const STREAM_READS: ReadonlySet<string> = new Set(["XREAD", "XREADGROUP"]);

/** `name`: `redis-connect`, `redis-GET`, `get`. */
export function isRedisCall(name: string, attributes: Attributes): boolean {
  const command = name.replace(/^redis-/, "").toUpperCase();
  if (OF_CONNECTIONS.has(command) || WAITING.has(command)) return false;
  // The statement has all arguments of these two.
  return !STREAM_READS.has(command) || !/ BLOCK /i.test(String(attributes["db.query.text"]).slice(0, 500));
}
