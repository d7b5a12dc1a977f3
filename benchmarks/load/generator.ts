// The load: requests over keep-alive raw sockets, at a fixed rate (open loop) or as fast as the app answers (closed loop).
import { connect, type Socket } from "node:net";

export interface LoadOrder {
  readonly port: number;
  /** The id of the request is appended: `/users/` becomes `/users/42`. */
  readonly path: string;
  readonly connections: number;
  /** Requests a second; 0 sends the next request of a connection as soon as its last is answered. */
  readonly ratePerSecond: number;
  /** Ends after this many requests. */
  readonly requests: number;
  /** Ends after this time even if requests remain. */
  readonly durationMs: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Connection {
  readonly socket: Socket;
  received: string;
  dueAt: number;
}

interface Progress {
  readonly startedAt: number;
  lastAt: number;
  issued: number;
  sent: number;
  errors: number;
  readonly latenciesMs: number[];
}

/** How long an unanswered request is waited for after the last was sent, before it counts as an error. */
const GRACE_MS = 15_000;

/** The length of the first whole response in `received`, 0 if there is none yet. */
function responseLength(received: string): number {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd === -1) return 0;
  const declared = /\r\ncontent-length: (\d+)/i.exec(received);
  if (!declared || declared.index > headEnd) throw new Error("a response without content-length");
  const length = headEnd + 4 + Number(declared[1]);
  return received.length < length ? 0 : length;
}

/** Each request has its own X-Request-ID, as behind a proxy that makes one. */
function requestText(order: LoadOrder, sequence: number): string {
  const id = `7b0d6f3a-6c1e-4b7d-9a9c-${sequence.toString(16).padStart(12, "0")}`;
  const head = `GET ${order.path}${sequence % 100} HTTP/1.1\r\nHost: 127.0.0.1:${order.port}\r\n`;
  return `${head}User-Agent: redtrail-bench\r\nAccept: application/json\r\nX-Request-ID: ${id}\r\n\r\n`;
}

function openConnection(port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.setEncoding("latin1");
    socket.once("error", reject);
    socket.once("connect", () => resolve({ socket, received: "", dueAt: 0 }));
  });
}

/** Takes in a chunk; true when it completes the response that the connection waits for. */
function receive(connection: Connection, chunk: string, progress: Progress): boolean {
  connection.received += chunk;
  const length = responseLength(connection.received);
  if (length === 0) return false;
  if (!connection.received.startsWith("HTTP/1.1 200 ")) progress.errors++;
  connection.received = connection.received.slice(length);
  progress.lastAt = performance.now();
  progress.latenciesMs.push(progress.lastAt - connection.dueAt);
  return true;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Sends the order's requests and resolves when all are answered, a connection is lost, or the deadline is over. */
function run(order: LoadOrder, connections: readonly Connection[], progress: Progress): Promise<void> {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const openLoop = order.ratePerSecond > 0;
  const idle = [...connections];
  const waiting: number[] = [];

  const send = (connection: Connection, dueAt: number): void => {
    connection.dueAt = dueAt;
    connection.socket.write(requestText(order, progress.sent++));
  };
  const next = (connection: Connection, now: number): void => {
    const allIssued = progress.issued >= order.requests || (!openLoop && now - progress.startedAt >= order.durationMs);
    const dueAt = waiting.shift();
    if (dueAt !== undefined) return send(connection, dueAt);
    if (!openLoop && !allIssued) {
      progress.issued++;
      return send(connection, now);
    }
    idle.push(connection);
    if (allIssued && idle.length === connections.length) end();
  };
  // A request that is due while every connection is busy waits, and its latency counts from when it was due: an app that cannot
  // keep up shows it in its p99 instead of slowing the load down (no coordinated omission).
  const tick = (): void => {
    const elapsedMs = performance.now() - progress.startedAt;
    const wanted = Math.min(order.requests, Math.floor((elapsedMs * order.ratePerSecond) / 1000));
    for (; progress.issued < wanted; progress.issued++) {
      const dueAt = progress.startedAt + (progress.issued * 1000) / order.ratePerSecond;
      const connection = idle.pop();
      if (connection) send(connection, dueAt);
      else waiting.push(dueAt);
    }
  };

  for (const connection of connections) {
    connection.socket.on("data", (chunk: string) => {
      if (receive(connection, chunk, progress)) next(connection, progress.lastAt);
    });
    connection.socket.on("error", () => end());
    connection.socket.on("close", () => end());
  }
  const timer = openLoop ? setInterval(tick, 1) : undefined;
  const deadline = setTimeout(end, order.durationMs + GRACE_MS);
  if (!openLoop) for (const connection of idle.splice(0)) next(connection, progress.startedAt);
  return promise.finally(() => {
    clearInterval(timer);
    clearTimeout(deadline);
  });
}

async function generate(order: LoadOrder): Promise<LoadResult> {
  const connections = await Promise.all(Array.from({ length: order.connections }, () => openConnection(order.port)));
  const now = performance.now();
  const progress: Progress = { startedAt: now, lastAt: now, issued: 0, sent: 0, errors: 0, latenciesMs: [] };
  await run(order, connections, progress);
  for (const connection of connections) connection.socket.destroy();
  const sorted = progress.latenciesMs.toSorted((left, right) => left - right);
  return {
    requests: sorted.length,
    // What was issued and never answered is an error too.
    errors: progress.errors + progress.issued - sorted.length,
    requestsPerSecond: sorted.length / ((progress.lastAt - progress.startedAt) / 1000),
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

process.on("message", (order: LoadOrder) => {
  void generate(order).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
