// Delivery of items (one line of JSON text each) to a server: queue, HTTP, spool, and what happens to the last of them.
import type { SpoolConfig } from "../../config/config.ts";
import { log } from "../../diagnostics/log.ts";
import { TextArena } from "./buffers.ts";
import { postAtExit } from "./exit-sender.ts";
import { MAX_ANSWER_BYTES, createHttpClient, type HttpClient } from "./http-client.ts";
import { DeliveryQueue, type DeliveryQueueOptions, type DropReason, type QueueStats } from "./queue.ts";
import { type Reply, type SendResult, outcomeOf, resultOf } from "./send-result.ts";
import { Spool, type SpoolDropReason, type SpoolStats } from "./spool.ts";
import { type Destination, createTargets, loggableUrl } from "./target.ts";

/** Bounds of what waits in memory and of one request. */
export interface DeliveryLimits {
  /** Items held at most. */
  readonly maxQueueSize: number;
  /** Bytes (UTF-8) held at most. */
  readonly maxQueueBytes: number;
  /** Items in one request at most. */
  readonly maxExportBatchSize: number;
  /** Bytes in one request at most, unless one item has more. */
  readonly maxExportBatchBytes: number;
  /** Milliseconds that an item waits for its batch to fill. */
  readonly scheduleDelayMs: number;
}

export interface DeliveryOptions {
  /** `Zipkin`. */
  readonly name: string;
  /** What the items are called in messages: `spans`. */
  readonly itemsName: string;
  readonly destination: Destination;
  readonly contentType: string;
  readonly limits: DeliveryLimits;
  /** Runs before the first delivery, again and again until it is ok. */
  readonly prepare?: () => Promise<SendResult>;
  /** Makes one body of items. */
  readonly encode: (items: readonly Buffer[]) => Buffer;
  /** What a reply says about its items. @default by the status alone */
  readonly interpret?: (reply: Reply, count: number) => SendResult;
  readonly maxAnswerBytes?: number;
  /** Where items wait that memory has no room for, and that are not delivered when the process ends. @default nowhere */
  readonly spool?: SpoolConfig & { readonly kind: string };
  readonly onRejected?: (item: Buffer, reason: string, detail: string) => void;
  /** @default the queue's */
  readonly backoff?: Pick<DeliveryQueueOptions<Buffer>, "initialBackoffMs" | "maxBackoffMs">;
}

export interface DeliveryStats extends Omit<QueueStats, "dropped"> {
  /** By reason; the spool's reasons are absent without a spool. */
  readonly dropped: Readonly<Record<DropReason, number> & Partial<Record<SpoolDropReason, number>>>;
  /** Absent without a spool. */
  readonly spool: SpoolStats | undefined;
}

/** Of what the process has no time left for. */
const UNTRIED = { kind: "retry", reason: "no time left" } as const satisfies SendResult;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #name: string;
  readonly #client: HttpClient;
  readonly #queue: DeliveryQueue<Buffer>;
  readonly #spool: Spool | undefined;
  readonly #arena = new TextArena();
  #isPrepared = false;
  readonly #interpret: (reply: Reply, count: number) => SendResult;

  constructor(options: DeliveryOptions) {
    const { destination, limits, interpret = resultOf } = options;
    this.#options = options;
    this.#name = `${options.name} at ${destination.urls.map(loggableUrl).join(", ")}`;
    this.#interpret = interpret;
    this.#client = createHttpClient({
      targets: createTargets(destination, options.contentType),
      timeoutMs: destination.timeoutMs,
      maxAnswerBytes: options.maxAnswerBytes,
    });
    this.#spool = createSpool(options.spool);
    this.#queue = new DeliveryQueue<Buffer>({
      ...limits,
      name: this.#name,
      itemsName: options.itemsName,
      sizeOf: (item) => item.length,
      send: (items) => this.#send(items),
      backlog: this.#spool,
      onRejected: options.onRejected,
      ...options.backoff,
    });
  }

  get stats(): DeliveryStats {
    const spool = this.#spool?.stats;
    const queue = this.#queue.stats;
    return { ...queue, dropped: { ...queue.dropped, ...spool?.dropped }, spool };
  }

  /** Kept as bytes: their number is what counts, they are outside of the heap, and a body of them is a copy. */
  add(item: string): void {
    this.#queue.add(this.#arena.write(item));
  }

  /** One attempt to deliver all that is queued now, within `deadlineMs` milliseconds. Never rejects. */
  flush(deadlineMs: number): Promise<void> {
    return this.#queue.flush(deadlineMs);
  }

  /** Takes no more, and flushes; what is left goes to the spool, or is said to be lost. */
  async shutdown(deadlineMs: number): Promise<void> {
    await this.#queue.shutdown(deadlineMs);
    this.endSync();
  }

  /**
   * For `process.on("exit")`: delivers what no server has confirmed and blocks for `timeoutMs` milliseconds at most, but
   * not at all when the last delivery failed. A batch that was on its way goes out again. The rest is endSync()'s.
   */
  flushSync(timeoutMs: number): void {
    const { queued, failing } = this.#queue.stats;
    if (queued === 0 || failing) return;
    const { limits, encode, maxAnswerBytes = MAX_ANSWER_BYTES } = this.#options;
    const items = this.#queue.takeAll();
    const batches: Buffer[][] = [];
    for (let i = 0; i < items.length; i += limits.maxExportBatchSize) {
      batches.push(items.slice(i, i + limits.maxExportBatchSize));
    }
    const replies = postAtExit(this.#client.targets(), batches.map(encode), { timeoutMs, maxAnswerBytes });
    let failure: string = UNTRIED.reason;
    const left: Buffer[] = [];
    let refused = 0;
    for (const [index, batch] of batches.entries()) {
      const reply = replies[index];
      const result = reply === undefined ? UNTRIED : this.#interpret(reply, batch.length);
      const { retry, rejected } = outcomeOf(result, batch.length);
      if (reply !== undefined && result.kind !== "ok") failure = result.reason;
      refused += rejected.length;
      left.push(...retry.map((one) => batch[one] as Buffer));
    }
    this.#queue.settleTaken({ sent: items.length - left.length - refused });
    this.#end(left, refused, failure);
  }

  /** The very last thing: what no server has confirmed goes to the spool, or is said to be lost. Never throws. */
  endSync(): void {
    const { queued, failure = UNTRIED.reason } = this.#queue.stats;
    const items = queued === 0 ? [] : this.#queue.takeAll();
    this.#end(items, 0, failure);
  }

  async #send(items: readonly Buffer[]): Promise<SendResult> {
    const { prepare, encode } = this.#options;
    if (prepare !== undefined && !this.#isPrepared) {
      const result = await prepare();
      if (result.kind !== "ok") return result;
      this.#isPrepared = true;
    }
    return this.#interpret(await this.#client.post(encode(items)), items.length);
  }

  #end(items: readonly Buffer[], refused: number, reason: string): void {
    const kept = this.#spool?.endSync(items) ?? 0;
    const lost = items.length - kept + refused;
    this.#queue.settleTaken({ deferred: kept, lost });
    const { itemsName, spool } = this.#options;
    if (kept > 0) {
      log.info(`${this.#name}: ${kept} ${itemsName} are kept in ${spool?.folder} for the next start (${reason})`);
    }
    if (lost > 0)
      log.warn(`${this.#name}: ${lost} ${itemsName} were not delivered before the process ended (${reason})`);
  }
}

function createSpool(options: DeliveryOptions["spool"]): Spool | undefined {
  return options?.folder === undefined ? undefined : new Spool({ ...options, folder: options.folder });
}
