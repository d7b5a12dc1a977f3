// What a delivery ended with, and what follows from an HTTP answer.

import { redactUrl } from "../../redaction/urls.ts";

/** How one delivery ended; indexes are those of the batch. */
export type SendResult =
  /** The server has all of it. */
  | { readonly kind: "ok" }
  /** Worth another try, perhaps not before `afterMs`. `hint` is set when somebody has to change something first. */
  | { readonly kind: "retry"; readonly reason: string; readonly afterMs?: number; readonly hint?: string }
  /** Too much at once (413): the same again in smaller batches. */
  | { readonly kind: "split"; readonly reason: string }
  /** Refused for good. */
  | { readonly kind: "drop"; readonly reason: string; readonly detail?: string }
  /** The server has answered for each item: those not listed are delivered. */
  | {
      readonly kind: "partial";
      /** Why the items to retry were not taken. */
      readonly reason: string;
      readonly retry: readonly number[];
      readonly rejected: readonly RejectedItem[];
    };

export interface RejectedItem {
  readonly index: number;
  readonly reason: string;
  readonly detail: string;
}

/** What becomes of the items of a batch: those in neither list are delivered. */
export function outcomeOf(
  result: SendResult,
  count: number,
): { readonly retry: readonly number[]; readonly rejected: readonly RejectedItem[] } {
  const all = (): number[] => Array.from({ length: count }, (_, index) => index);
  switch (result.kind) {
    case "ok":
      return { retry: [], rejected: [] };
    case "partial":
      return result;
    case "drop": {
      const { reason, detail = "" } = result;
      return { retry: [], rejected: all().map((index) => ({ index, reason, detail })) };
    }
    case "retry":
    case "split":
      return { retry: all(), rejected: [] };
  }
}

/** What a server answered, or why there is no answer. */
export type Reply =
  | {
      readonly status: number;
      readonly retryAfter?: string | undefined;
      readonly location?: string | undefined;
      /** The body, as far as it was read. */
      readonly text: string;
      /** Whether `text` is all of it. */
      readonly complete: boolean;
    }
  | {
      readonly status: 0;
      /** `ECONNREFUSED`, `ENOTFOUND`, `timeout`: Node's error code where there is one. */
      readonly failure: string;
      /** The request itself is wrong, and will be next time. */
      readonly hopeless: boolean;
    };

export const MAX_DETAIL_LENGTH = 200;
/** Between two tries while the server refuses us (401, 403) or sends us elsewhere (3xx): until somebody changes a setting. */
const PROBE_EVERY_MS = 60_000;

/** By the status alone: for 2xx without a look at the body. */
export function resultOf(reply: Reply): SendResult {
  if ("failure" in reply) return { kind: reply.hopeless ? "drop" : "retry", reason: reply.failure };
  const { status } = reply;
  const reason = String(status);
  if (status >= 200 && status < 300) return { kind: "ok" };
  if (status === 413) return { kind: "split", reason };
  if (status === 408 || status === 429 || status >= 500) {
    const afterMs = retryAfterMs(reply.retryAfter, Date.now());
    return afterMs === undefined ? { kind: "retry", reason } : { kind: "retry", reason, afterMs };
  }
  if (status === 401 || status === 403 || status === 407) {
    return { kind: "retry", reason, afterMs: PROBE_EVERY_MS, hint: "check its credentials" };
  }
  if (status >= 300 && status < 400) {
    // Followed, it would hand our credentials to whoever the answer names.
    const hint = `redirects are not followed; it points to ${printable(redactUrl(reply.location ?? "nowhere"))}`;
    return { kind: "retry", reason, afterMs: PROBE_EVERY_MS, hint };
  }
  const detail = printable(reply.text);
  return detail === "" ? { kind: "drop", reason } : { kind: "drop", reason, detail };
}

/** Foreign text as it may stand in one line of a log. */
export function printable(text: string): string {
  return text
    .slice(0, 4 * MAX_DETAIL_LENGTH)
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .replaceAll(/\/\/[^/@\s]*@/g, "//REDACTED@")
    .slice(0, MAX_DETAIL_LENGTH);
}

/** `Retry-After: 120` or `Retry-After: Wed, 21 Oct 2026 07:28:00 GMT` (RFC 9110, 10.2.3). */
function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
