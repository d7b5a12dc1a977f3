// Tells a leader what has changed in the metrics of this process.
import type { ResourceMetrics, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../diagnostics/log.ts";
import { type EncodeOptions, SeriesEncoder } from "./encoder.ts";
import type { Link } from "./link.ts";
import { PROTOCOL, type Welcome, parseMessage } from "./protocol.ts";

/** The metrics of this process. */
export interface MetricsSource {
  /** Without the SDK, only what is cheap to collect. */
  collect(includeSdk: boolean, timeoutMs: number): Promise<ResourceMetrics>;
  /** What can be collected at once, at the end of the process. */
  collectSync(): ScopeMetrics[];
}

export interface MemberOptions {
  readonly link: Link;
  readonly source: MetricsSource;
  readonly label: string;
  readonly instance: string;
  /** @default 1000 */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 1_000;
/** The SDK's own instruments may have callbacks of the app's, so they are asked less often. */
const FULL_EVERY = 5;
/** Less than a leader waits. */
const COLLECT_TIMEOUT_MS = 1_500;

export class MetricsMember {
  readonly #link: Link;
  readonly #source: MetricsSource;
  readonly #encoder = new SeriesEncoder();
  readonly #welcome = Promise.withResolvers<Welcome>();
  readonly #closed = Promise.withResolvers<void>();
  /** One push after the other: an older value after a newer one would look like a counter that began again. */
  #last: Promise<void> = Promise.resolve();
  #isPushing = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ link, source, label, instance, intervalMs = INTERVAL_MS }: MemberOptions) {
    this.#link = link;
    this.#source = source;
    link.onMessage((given) => this.#receive(given, intervalMs));
    link.onClose(() => this.#end());
    void link.send({ type: "hello", version: PROTOCOL, pid: process.pid, label, instance });
  }

  /** Resolves when there is a leader; it may never. */
  get welcome(): Promise<Welcome> {
    return this.#welcome.promise;
  }

  /** Resolves when the leader, or the link to it, is gone, or this member is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Sends what has changed. Resolves when it has left the process; never rejects. */
  push(isFull: boolean): Promise<void> {
    if (this.#timer === undefined || this.#isClosed) return Promise.resolve();
    this.#isPushing = true;
    const push = this.#last.then(() => this.#push(isFull)).catch((error: unknown) => warn(error));
    this.#last = push;
    return push.finally(() => {
      if (this.#last === push) this.#isPushing = false;
    });
  }

  async #push(isFull: boolean): Promise<void> {
    const { scopeMetrics } = await this.#source.collect(isFull, COLLECT_TIMEOUT_MS);
    if (this.#isClosed) return;
    await Promise.all(this.#send(scopeMetrics, isFull ? "all" : "fast"));
  }

  /** The last push, while the process ends. */
  pushSync(): void {
    // Also before a welcome: a primary that is busy reads it later, one without redtrail never.
    if (this.#isClosed) return;
    try {
      void this.#send(this.#source.collectSync(), "some");
    } catch (error) {
      warn(error);
    }
  }

  #send(scopeMetrics: readonly ScopeMetrics[], asked: EncodeOptions["asked"]): Promise<void>[] {
    return this.#encoder.encode(scopeMetrics, { asked }).map((message) => this.#link.send(message));
  }

  close(): void {
    if (this.#isClosed) return;
    void this.#link.send({ type: "bye" });
    this.#end();
    this.#link.close();
  }

  #receive(given: unknown, intervalMs: number): void {
    const message = parseMessage(given);
    if (message === undefined || this.#isClosed) return;
    if (message.type === "welcome") this.#begin(message, intervalMs);
    else if (message.type === "collect") {
      const { token } = message;
      void this.push(true).then(() => this.#link.send({ type: "done", token }));
    }
  }

  #begin(welcome: Welcome, intervalMs: number): void {
    if (this.#timer !== undefined) return;
    let round = 0;
    this.#timer = setInterval(() => {
      if (!this.#isPushing) void this.push(++round % FULL_EVERY === 0);
    }, intervalMs);
    this.#timer.unref();
    this.#welcome.resolve(welcome);
    void this.push(true);
  }

  #end(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#closed.resolve();
  }
}

function warn(error: unknown): void {
  log.warnSometimes("cluster push", `the metrics of this process could not be shared (${String(error)})`);
}
