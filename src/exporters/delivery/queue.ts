// A bounded queue that delivers its items in batches, one delivery at a time, and keeps them while the server is away.

import { log } from "../../diagnostics/log.ts";

/** How one delivery ended: taken; worth another try (perhaps not before `afterMs`); or refused for good. */
export type SendResult =
  | { readonly kind: "ok" }
  | { readonly kind: "retry"; readonly reason: string; readonly afterMs?: number }
  | { readonly kind: "drop"; readonly reason: string; readonly detail?: string };

export interface DeliveryQueueOptions<T> {
  /** Subject of the log messages, without secrets: `Zipkin at http://localhost:9411/api/v2/spans`. */
  readonly name: string;
  /** What the items are called in log messages. @default "spans" */
  readonly itemsName?: string;
  /** Items held at most, those on their way included; the oldest is dropped beyond it. */
  readonly maxQueueSize: number;
  /** Items in one delivery at most. */
  readonly maxExportBatchSize: number;
  /** Milliseconds that an item waits for its batch to fill. */
  readonly scheduleDelayMs: number;
  /** Delivers one batch. The array must not be changed. */
  readonly send: (batch: readonly T[]) => Promise<SendResult>;
  /** Upper end of the random wait after the first failure; doubles with each further one. @default 1000 */
  readonly initialBackoffMs?: number;
  /** Upper end that the doubling stops at. @default 10000 */
  readonly maxBackoffMs?: number;
  /** Longest wait that a server can ask for by Retry-After. @default 60000 */
  readonly maxRetryAfterMs?: number;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** Why items were dropped: the bound, a refusal by the server (or an encoder that failed), added after shutdown. */
export type DropReason = "queue_full" | "rejected" | "shutdown";

export interface DeliveryStats {
  /** Items that wait or are on their way. */
  readonly queued: number;
  /** Items that may be queued at most. */
  readonly capacity: number;
  readonly sent: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** The last delivery failed in a way that is worth another try. */
  readonly failing: boolean;
  /** Why it failed; undefined while `failing` is false. */
  readonly failure: string | undefined;
}

const WARN_EVERY_MS = 60_000;
/** setTimeout takes a longer delay for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class DeliveryQueue<T> {
  readonly #options: Required<DeliveryQueueOptions<T>>;
  /** Index of the oldest item is `#head`; wraps at maxQueueSize. Items stay here until their delivery is answered. */
  readonly #ring: (T | undefined)[] = [];
  #head = 0;
  #count = 0;
  /** How many of the oldest items are on their way. */
  #inFlight = 0;
  /** Items on their way that newer ones have pushed out since: dropped if this delivery fails, sent if it succeeds. */
  #overtaken = 0;
  /** Items that ever left the ring; by it a flush knows when everything that it found is gone. */
  #removed = 0;
  #sent = 0;
  readonly #dropped: Record<DropReason, number> = { queue_full: 0, rejected: 0, shutdown: 0 };
  /** Set while a delivery is on its way: there is one at most. */
  #delivery: Promise<SendResult> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The timer stands for a full batch, not for the schedule. */
  #due = false;
  #failures = 0;
  #failure: string | undefined;
  #shutdown: Promise<void> | undefined;
  #warnedAt = -Infinity;
  #warned = false;
  #overflowReported = 0;

  constructor(options: DeliveryQueueOptions<T>) {
    this.#options = {
      itemsName: "spans",
      initialBackoffMs: 1_000,
      maxBackoffMs: 10_000,
      maxRetryAfterMs: 60_000,
      random: Math.random,
      ...options,
      maxExportBatchSize: Math.min(options.maxExportBatchSize, options.maxQueueSize),
    };
  }

  get stats(): DeliveryStats {
    return {
      queued: this.#count,
      capacity: this.#options.maxQueueSize,
      sent: this.#sent,
      dropped: { ...this.#dropped },
      failing: this.#failure !== undefined,
      failure: this.#failure,
    };
  }

  add(item: T): void {
    if (this.#shutdown !== undefined) {
      this.#dropped.shutdown++;
      return;
    }
    if (this.#count >= this.#options.maxQueueSize) this.#dropOldest();
    this.#ring[this.#index(this.#count)] = item;
    this.#count++;
    if (this.#delivery !== undefined || this.#failure !== undefined) return;
    if (this.#count >= this.#options.maxExportBatchSize) {
      if (!this.#due) this.#startTimer(0);
    } else if (this.#timer === undefined) {
      this.#startTimer(this.#options.scheduleDelayMs);
    }
  }

  /**
   * Delivers what is queued now, batch after batch, and ends at the first failure or after `deadlineMs` milliseconds.
   * Never rejects. Keeps the process alive while it waits, because sockets and all other timers here do not.
   */
  flush(deadlineMs: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    const goal = this.#removed + this.#count;
    return new Promise((resolve) => {
      let over = false;
      const finish = (): void => {
        over = true;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(deadlineMs, MAX_TIMER_MS));
      void this.#drain(goal, () => over).then(finish, finish);
    });
  }

  /** Takes no more items and flushes. What could not be delivered stays for takeAll(). */
  shutdown(deadlineMs: number): Promise<void> {
    this.#shutdown ??= this.flush(deadlineMs);
    this.#stopTimer();
    return this.#shutdown;
  }

  /** Hands over everything that no server has confirmed, oldest first, and forgets it. For the end of the process. */
  takeAll(): T[] {
    const items = this.#peek(this.#count);
    this.#inFlight = 0;
    this.#remove(this.#count);
    this.#stopTimer();
    return items;
  }

  async #drain(goal: number, isOver: () => boolean): Promise<void> {
    while (this.#removed < goal && !isOver()) {
      const result = await this.#deliver();
      if (result.kind === "retry") return;
    }
  }

  /** Sends the oldest batch; while one is on its way, waits for that one instead. */
  #deliver(): Promise<SendResult> {
    if (this.#delivery !== undefined) return this.#delivery;
    this.#stopTimer();
    const batch = this.#peek(Math.min(this.#count, this.#options.maxExportBatchSize));
    this.#inFlight = batch.length;
    this.#delivery = this.#send(batch).then((result) => {
      this.#delivery = undefined;
      this.#settle(batch.length, result);
      return result;
    });
    return this.#delivery;
  }

  async #send(batch: readonly T[]): Promise<SendResult> {
    try {
      return await this.#options.send(batch);
    } catch (error) {
      // A sender does not throw. If one does it will do so again with the same batch, which must not block the others.
      return { kind: "drop", reason: "internal error", detail: String(error) };
    }
  }

  #settle(batchSize: number, result: SendResult): void {
    const stillQueued = this.#inFlight;
    const overtaken = this.#overtaken;
    this.#inFlight = 0;
    this.#overtaken = 0;
    if (result.kind === "retry") {
      this.#dropped.queue_full += overtaken;
      this.#failure = result.reason;
      this.#reportFailure(result.reason);
      this.#schedule(this.#backoffMs(result.afterMs));
      this.#failures++;
      return;
    }
    this.#remove(stillQueued);
    this.#failures = 0;
    this.#failure = undefined;
    if (result.kind === "ok") {
      this.#sent += batchSize;
      this.#reportSuccess();
    } else {
      this.#dropped.rejected += batchSize;
      this.#reportRefusal(batchSize, result.reason, result.detail);
    }
    this.#schedule(this.#count >= this.#options.maxExportBatchSize ? 0 : this.#options.scheduleDelayMs);
  }

  /** Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), never before Retry-After. */
  #backoffMs(afterMs: number | undefined): number {
    const { initialBackoffMs, maxBackoffMs, maxRetryAfterMs, random } = this.#options;
    const jittered = random() * Math.min(maxBackoffMs, initialBackoffMs * 2 ** this.#failures);
    return Math.max(jittered, Math.min(afterMs ?? 0, maxRetryAfterMs));
  }

  #schedule(delayMs: number): void {
    if (this.#count === 0 || this.#shutdown !== undefined) return;
    this.#startTimer(delayMs);
  }

  #startTimer(delayMs: number): void {
    this.#stopTimer();
    this.#due = delayMs === 0;
    this.#timer = setTimeout(() => void this.#deliver(), Math.min(delayMs, MAX_TIMER_MS)).unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = false;
  }

  #index(offset: number): number {
    const index = this.#head + offset;
    return index < this.#options.maxQueueSize ? index : index - this.#options.maxQueueSize;
  }

  #peek(count: number): T[] {
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(this.#ring[this.#index(i)] as T);
    return items;
  }

  #remove(count: number): void {
    for (let i = 0; i < count; i++) this.#ring[this.#index(i)] = undefined;
    this.#removed += count;
    this.#count -= count;
    // Back to the start whenever it is empty, so that the ring of a huge bound stays as short as the traffic lets it.
    this.#head = this.#count === 0 ? 0 : this.#index(count);
  }

  #dropOldest(): void {
    if (this.#inFlight > 0) {
      this.#inFlight--;
      this.#overtaken++;
    } else {
      this.#dropped.queue_full++;
    }
    this.#remove(1);
  }

  #reportFailure(reason: string): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = now;
    this.#warned = true;
    this.#overflowReported = this.#dropped.queue_full;
    const { name, itemsName } = this.#options;
    const what = /^\d+$/.test(reason) ? `answered ${reason}` : `cannot be reached (${reason})`;
    const text = `${name} ${what}; ${this.#count} ${itemsName} wait, ${this.#dropped.queue_full} were dropped; trying again`;
    log.warnSometimes(`${name} failure`, text);
  }

  #reportRefusal(batchSize: number, reason: string, detail: string | undefined): void {
    const { name, itemsName } = this.#options;
    const why = detail === undefined ? reason : `${reason}: ${detail}`;
    log.warnSometimes(`${name} refusal`, `${name} did not take ${batchSize} ${itemsName} (${why}); they were dropped`);
  }

  #reportSuccess(): void {
    const { name, itemsName, maxQueueSize } = this.#options;
    const dropped = this.#dropped.queue_full;
    if (this.#warned) {
      this.#warned = false;
      this.#overflowReported = dropped;
      log.info(`${name} works again; ${this.#count} ${itemsName} wait, ${dropped} were dropped`);
    } else if (dropped > this.#overflowReported) {
      this.#overflowReported = dropped;
      const text = `${name} is slower than the traffic: the queue of ${maxQueueSize} was full, ${dropped} ${itemsName} were dropped`;
      log.warnSometimes(`${name} overflow`, text);
    }
  }
}
