// Says when a server stops taking what is sent to it, what it refuses, and when it works again: each once, and not once a second.
import { log } from "../../diagnostics/log.ts";
import type { RejectedItem } from "./send-result.ts";

const WARN_EVERY_MS = 60_000;

interface Failure {
  readonly reason: string;
  /** What somebody has to change. */
  readonly hint?: string;
}

export class OutageReport {
  readonly #name: string;
  readonly #itemsName: string;
  readonly #capacity: number;
  /** By performance.now(). */
  #warnedAt = -Infinity;
  /** Of the failure that was said and is not over; undefined when there is none. */
  #warnedReason: string | undefined;
  #overflowReported = 0;

  /** `name`, `itemsName`: see DeliveryQueueOptions; `capacity`: items that may wait. */
  constructor(name: string, itemsName: string, capacity: number) {
    this.#name = name;
    this.#itemsName = itemsName;
    this.#capacity = capacity;
  }

  /** `queued`, `dropped`: items that wait, and that were dropped for want of room, so far. */
  failure({ reason, hint }: Failure, queued: number, dropped: number): void {
    const now = performance.now();
    // Another reason is news: a server that refuses connections, then credentials.
    if (now - this.#warnedAt < WARN_EVERY_MS && (hint === undefined || reason === this.#warnedReason)) return;
    this.#warnedAt = now;
    this.#warnedReason = reason;
    this.#overflowReported = dropped;
    const what = /^\d+$/.test(reason) ? `answered ${reason}` : `cannot be reached (${reason})`;
    const state = `${queued} ${this.#itemsName} wait, ${dropped} were dropped`;
    if (hint === undefined) log.warn(`${this.#name} ${what}; ${state}; trying again`);
    else log.error(`${this.#name} ${what} (${hint}); ${state}; trying again once a minute`);
  }

  refusal(rejected: readonly RejectedItem[]): void {
    const { reason, detail } = rejected[0] as RejectedItem;
    const why = detail === "" ? reason : `${reason}: ${detail}`;
    const what = `${this.#name} did not take ${rejected.length} ${this.#itemsName} (${why}); they were dropped`;
    log.warnSometimes(`${this.#name} refusal`, what);
  }

  success(queued: number, dropped: number): void {
    if (this.#warnedReason !== undefined) {
      this.#warnedReason = undefined;
      this.#overflowReported = dropped;
      log.info(`${this.#name} works again; ${queued} ${this.#itemsName} wait, ${dropped} were dropped`);
    } else if (dropped > this.#overflowReported) {
      this.#overflowReported = dropped;
      const text = `${this.#name} is slower than the traffic: the queue of ${this.#capacity} was full, ${dropped} ${this.#itemsName} were dropped`;
      log.warnSometimes(`${this.#name} overflow`, text);
    }
  }
}
