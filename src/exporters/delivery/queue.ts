// A queue bounded by count and bytes that delivers its items in batches, one delivery at a time, and keeps them while the
// server is away. What it has no room for goes to a backlog (the spool), or the oldest is dropped.

import { Deque } from "./deque.ts";
import { OutageReport } from "./outage-report.ts";
import { type SendResult, outcomeOf } from "./send-result.ts";

export interface DeliveryQueueOptions<T> {
  /** Subject of the log messages, without secrets: `Zipkin at http://localhost:9411/api/v2/spans`. */
  readonly name: string;
  /** What the items are called in log messages. @default "spans" */
  readonly itemsName?: string;
  /** Items held at most, those on their way included. */
  readonly maxQueueSize: number;
  /** Bytes held at most, by `sizeOf`. @default Infinity */
  readonly maxQueueBytes?: number;
  /** Items in one delivery at most. */
  readonly maxExportBatchSize: number;
  /** Bytes in one delivery at most, unless one item has more. @default Infinity */
  readonly maxExportBatchBytes?: number;
  /** Milliseconds that an item waits for its batch to fill. */
  readonly scheduleDelayMs: number;
  /** Delivers one batch. The array must not be changed. */
  readonly send: (batch: readonly T[]) => Promise<SendResult>;
  /** Bytes of an item; at least 1. */
  readonly sizeOf: (item: T) => number;
  /** Takes what memory has no room for, and gives it back later. */
  readonly backlog?: Backlog<T> | undefined;
  /** Told of each item that the server has refused for good. */
  readonly onRejected?: ((item: T, reason: string, detail: string) => void) | undefined;
  /** Upper end of the random wait after the first failure; doubles with each further one. @default 1000 */
  readonly initialBackoffMs?: number;
  /** Upper end that the doubling stops at. @default 10000 */
  readonly maxBackoffMs?: number;
  /** Longest wait that a server can ask for by Retry-After. @default 60000 */
  readonly maxRetryAfterMs?: number;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** Where items wait that memory has no room for. Nothing of it throws or rejects. */
export interface Backlog<T> {
  add(item: T): void;
  /** Whether it is worth asking for a segment; true as long as that is not known. */
  mayHave(): boolean;
  take(): Promise<Segment<T> | undefined>;
}

/** Items of the backlog that this process alone delivers, until it is done or gives them back. */
export interface Segment<T> {
  readonly items: readonly T[];
  /** Says that the delivery is still being tried. */
  touch(): void;
  /** Nothing of it is wanted any more. */
  done(): void;
}

/**
 * Why items were dropped: the bounds, a refusal by the server (or a sender that failed), larger than the queue or than what
 * the server takes (413), added after shutdown or not
 * delivered by then.
 */
export type DropReason = "queue_full" | "rejected" | "too_large" | "shutdown";

export interface QueueStats {
  /** Items that were ever added: sent, queued, dropped and handed to the backlog, less what came back from there. */
  readonly added: number;
  /** Items that wait or are on their way. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Items that may be queued at most. */
  readonly capacity: number;
  readonly sent: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Items handed to the backlog. */
  readonly deferred: number;
  /** Items that came back from the backlog and were settled: they are in `sent` or `dropped` too. */
  readonly replayed: number;
  /** The last delivery failed in a way that is worth another try. */
  readonly failing: boolean;
  /** Why it failed; undefined while `failing` is false. */
  readonly failure: string | undefined;
}

/** One delivery: of the oldest items in memory, or of a segment of the backlog. */
interface Batch<T> {
  readonly items: readonly T[];
  readonly bytes: number;
  readonly isReplay: boolean;
}

interface Replay<T> {
  readonly segment: Segment<T>;
  left: readonly T[];
}

const BATCH_GROWTH = 1.05;
/** setTimeout takes a longer delay for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class DeliveryQueue<T> {
  readonly #options: Required<DeliveryQueueOptions<T>>;
  /** Oldest first. Items stay here until their delivery is answered. */
  readonly #ring = new Deque<T>();
  #bytes = 0;
  /** How many of the oldest items are on their way. */
  #inFlight = 0;
  /** Items on their way that newer ones have pushed out since: dropped if this delivery fails, sent if it succeeds. */
  #overtaken = 0;
  /** Items that ever left the ring; by it a flush knows when everything that it found is gone. */
  #removed = 0;
  /** What is left of the segment that is being delivered. */
  #replay: Replay<T> | undefined;
  /** Memory and backlog take turns. */
  #wasReplay = false;
  #added = 0;
  #sent = 0;
  #deferred = 0;
  #replayed = 0;
  readonly #dropped: Record<DropReason, number> = { queue_full: 0, rejected: 0, too_large: 0, shutdown: 0 };
  /** Halved whenever the server finds a batch too large, and grown a little by each batch that it takes. */
  #maxBatchBytes: number;
  /** Set while a delivery is on its way: there is one at most. */
  #delivery: Promise<SendResult> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The timer stands for a full batch, not for the schedule. */
  #due = false;
  #failures = 0;
  #failure: string | undefined;
  #shutdown: Promise<void> | undefined;
  /** Since takeAll() an answer says nothing any more about what is queued. */
  #isTaken = false;
  readonly #report: OutageReport;

  constructor(options: DeliveryQueueOptions<T>) {
    this.#options = {
      itemsName: "spans",
      maxQueueBytes: Infinity,
      maxExportBatchBytes: Infinity,
      initialBackoffMs: 1_000,
      maxBackoffMs: 10_000,
      maxRetryAfterMs: 60_000,
      random: Math.random,
      backlog: undefined,
      onRejected: undefined,
      ...options,
      maxExportBatchSize: Math.min(options.maxExportBatchSize, options.maxQueueSize),
    };
    this.#maxBatchBytes = this.#options.maxExportBatchBytes;
    this.#report = new OutageReport(options.name, this.#options.itemsName, options.maxQueueSize);
    // What an earlier process has left behind is delivered even if this one adds nothing.
    this.#schedule(this.#options.scheduleDelayMs);
  }

  get stats(): QueueStats {
    return {
      added: this.#added,
      queued: this.#ring.length,
      queuedBytes: this.#bytes,
      capacity: this.#options.maxQueueSize,
      sent: this.#sent,
      dropped: { ...this.#dropped },
      deferred: this.#deferred,
      replayed: this.#replayed,
      failing: this.#failure !== undefined,
      failure: this.#failure,
    };
  }

  add(item: T): void {
    this.#added++;
    if (this.#shutdown !== undefined) {
      this.#dropped.shutdown++;
      return;
    }
    const bytes = this.#options.sizeOf(item);
    if (!this.#makeRoom(item, bytes)) return;
    this.#ring.push(item);
    this.#bytes += bytes;
    if (this.#delivery !== undefined || this.#failure !== undefined) return;
    if (this.#isBatchFull()) {
      if (!this.#due) this.#startTimer(0);
    } else if (this.#timer === undefined) {
      this.#startTimer(this.#options.scheduleDelayMs);
    }
  }

  /**
   * Delivers what is queued in memory now, batch after batch, and ends at the first failure or after `deadlineMs`
   * milliseconds. Never rejects. Keeps the process alive while it waits, because sockets and all other timers here do not.
   */
  flush(deadlineMs: number): Promise<void> {
    if (this.#ring.length === 0) return Promise.resolve();
    const goal = this.#removed + this.#ring.length;
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
    const items: T[] = [];
    while (this.#ring.length > 0) items.push(this.#ring.shift() as T);
    this.#removed += items.length;
    this.#bytes = 0;
    this.#isTaken = true;
    this.#stopTimer();
    return items;
  }

  /** Counts what became of the items after takeAll(). */
  settleTaken({ sent = 0, deferred = 0, lost = 0 }: { sent?: number; deferred?: number; lost?: number }): void {
    this.#sent += sent;
    this.#deferred += deferred;
    this.#dropped.shutdown += lost;
  }

  /** Whether the item still needs a place in memory: it has none anywhere, or has got one in the backlog. */
  #makeRoom(item: T, bytes: number): boolean {
    const { maxQueueSize, maxQueueBytes, backlog } = this.#options;
    if (bytes > maxQueueBytes) {
      this.#dropped.too_large++;
      return false;
    }
    const isFull = (): boolean => this.#ring.length >= maxQueueSize || this.#bytes + bytes > maxQueueBytes;
    if (!isFull()) return true;
    if (backlog !== undefined) {
      this.#deferred++;
      backlog.add(item);
      return false;
    }
    while (isFull()) this.#dropOldest();
    return true;
  }

  #isBatchFull(): boolean {
    return this.#ring.length >= this.#options.maxExportBatchSize || this.#bytes >= this.#maxBatchBytes;
  }

  async #drain(goal: number, isOver: () => boolean): Promise<void> {
    while (this.#removed < goal && !isOver()) {
      await this.#deliver(false);
      if (this.#failure !== undefined) return;
    }
  }

  /** Sends the next batch; while one is on its way, waits for that one instead. */
  #deliver(mayReplay: boolean): Promise<SendResult> {
    if (this.#delivery !== undefined) return this.#delivery;
    this.#stopTimer();
    this.#delivery = this.#deliverNext(mayReplay).then((result) => {
      this.#delivery = undefined;
      this.#scheduleAfter(result);
      return result;
    });
    return this.#delivery;
  }

  async #deliverNext(mayReplay: boolean): Promise<SendResult> {
    const isTurn = mayReplay && (this.#ring.length === 0 || !this.#wasReplay);
    if (isTurn && (await this.#nextSegment())) return this.#sendBatch(this.#batchOfSegment());
    if (this.#ring.length === 0) return { kind: "ok" };
    return this.#sendBatch(this.#batchOfMemory());
  }

  /** Whether there is a segment to deliver. */
  async #nextSegment(): Promise<boolean> {
    const { backlog } = this.#options;
    if (this.#replay !== undefined) return true;
    // While the server is away the oldest items in memory are try enough, and nothing is claimed in vain.
    if (backlog === undefined || !backlog.mayHave() || (this.#failure !== undefined && this.#ring.length > 0))
      return false;
    const segment = await backlog.take();
    if (segment === undefined) return false;
    this.#replay = { segment, left: segment.items };
    return true;
  }

  #batchOfSegment(): Batch<T> {
    const { segment, left } = this.#replay as Replay<T>;
    segment.touch();
    return this.#cut(left.length, (index) => left[index] as T, true);
  }

  #batchOfMemory(): Batch<T> {
    const batch = this.#cut(this.#ring.length, (index) => this.#ring.at(index), false);
    this.#inFlight = batch.items.length;
    return batch;
  }

  /** As many of the first items as one delivery may hold; at least one. */
  #cut(length: number, at: (index: number) => T, isReplay: boolean): Batch<T> {
    const { maxExportBatchSize, sizeOf } = this.#options;
    const items: T[] = [];
    const count = Math.min(length, maxExportBatchSize);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const item = at(i);
      const size = sizeOf(item);
      if (i > 0 && bytes + size > this.#maxBatchBytes) break;
      items.push(item);
      bytes += size;
    }
    return { items, bytes, isReplay };
  }

  async #sendBatch(batch: Batch<T>): Promise<SendResult> {
    let result: SendResult;
    try {
      result = batch.items.length === 0 ? { kind: "ok" } : await this.#options.send(batch.items);
    } catch (error) {
      // A sender does not throw. If one does it will do so again with the same batch, which must not block the others.
      result = { kind: "drop", reason: "internal error", detail: String(error) };
    }
    if (result.kind === "split" && batch.items.length === 1) result = { kind: "drop", reason: result.reason };
    this.#settle(batch, result);
    this.#wasReplay = batch.isReplay;
    return result;
  }

  #settle(batch: Batch<T>, result: SendResult): void {
    if (this.#isTaken && !batch.isReplay) return;
    const { retry, rejected } = outcomeOf(result, batch.items.length);
    const isTooLarge = result.kind === "drop" && result.reason === "413";
    this.#sent += batch.items.length - retry.length - rejected.length;
    this.#dropped[isTooLarge ? "too_large" : "rejected"] += rejected.length;
    for (const { index, reason, detail } of rejected) {
      this.#options.onRejected?.(batch.items[index] as T, reason, detail);
    }
    if (batch.isReplay) this.#settleSegment(batch, retry);
    else this.#settleMemory(batch, retry);
    this.#adaptBatchBytes(batch, result);
    if (retry.length > 0 && (result.kind === "retry" || result.kind === "partial")) {
      // An answer that took some of the items is no reason to wait longer each time.
      if (result.kind === "partial" && retry.length < batch.items.length) this.#failures = 0;
      this.#failure = result.reason;
      this.#report.failure(result, this.#ring.length, this.#dropped.queue_full);
      return;
    }
    this.#failures = 0;
    this.#failure = undefined;
    if (rejected.length > 0) this.#report.refusal(rejected);
    if (result.kind === "ok" || result.kind === "partial") {
      this.#report.success(this.#ring.length, this.#dropped.queue_full);
    }
  }

  /** A limit that is really there costs one request in fourteen or so; one that was a mistake is forgotten. */
  #adaptBatchBytes({ bytes }: Batch<T>, { kind }: SendResult): void {
    if (kind === "split") this.#maxBatchBytes = Math.max(1, Math.floor(bytes / 2));
    if (kind === "ok") {
      this.#maxBatchBytes = Math.min(this.#options.maxExportBatchBytes, Math.ceil(this.#maxBatchBytes * BATCH_GROWTH));
    }
  }

  #settleMemory({ items }: Batch<T>, retry: readonly number[]): void {
    const { sizeOf } = this.#options;
    const overtaken = this.#overtaken;
    for (let i = 0; i < this.#inFlight; i++) this.#bytes -= sizeOf(this.#ring.shift() as T);
    this.#removed += this.#inFlight;
    this.#inFlight = 0;
    this.#overtaken = 0;
    for (const index of retry.toReversed()) {
      // Newer items have taken the places of the first ones meanwhile.
      if (index < overtaken) {
        this.#dropped.queue_full++;
        continue;
      }
      const item = items[index] as T;
      this.#ring.unshift(item);
      this.#bytes += sizeOf(item);
      this.#removed--;
    }
  }

  #settleSegment({ items }: Batch<T>, retry: readonly number[]): void {
    const replay = this.#replay as Replay<T>;
    this.#replayed += items.length - retry.length;
    replay.left = [...retry.map((index) => items[index] as T), ...replay.left.slice(items.length)];
    if (replay.left.length > 0) return;
    replay.segment.done();
    this.#replay = undefined;
  }

  /** Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), never before Retry-After. */
  #backoffMs(afterMs: number | undefined): number {
    const { initialBackoffMs, maxBackoffMs, maxRetryAfterMs, random } = this.#options;
    const jittered = random() * Math.min(maxBackoffMs, initialBackoffMs * 2 ** this.#failures);
    return Math.max(jittered, Math.min(afterMs ?? 0, maxRetryAfterMs));
  }

  #scheduleAfter(result: SendResult): void {
    if (this.#failure !== undefined) {
      this.#schedule(this.#backoffMs(result.kind === "retry" ? result.afterMs : undefined));
      this.#failures++;
      return;
    }
    const hasMore = result.kind === "split" || this.#isBatchFull() || this.#hasReplay();
    this.#schedule(hasMore ? 0 : this.#options.scheduleDelayMs);
  }

  #hasReplay(): boolean {
    return this.#replay !== undefined || this.#options.backlog?.mayHave() === true;
  }

  #schedule(delayMs: number): void {
    if (this.#shutdown !== undefined || (this.#ring.length === 0 && !this.#hasReplay())) return;
    this.#startTimer(delayMs);
  }

  #startTimer(delayMs: number): void {
    this.#stopTimer();
    this.#due = delayMs === 0;
    this.#timer = setTimeout(() => void this.#deliver(true), Math.min(delayMs, MAX_TIMER_MS)).unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = false;
  }

  #dropOldest(): void {
    if (this.#inFlight > 0) {
      this.#inFlight--;
      this.#overtaken++;
    } else {
      this.#dropped.queue_full++;
    }
    this.#bytes -= this.#options.sizeOf(this.#ring.shift() as T);
    this.#removed++;
  }
}
