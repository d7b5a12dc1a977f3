// The bulk API: what goes in, and what its answer means for each document.
// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
import { joinBuffers } from "../delivery/buffers.ts";
import { type RejectedItem, type Reply, type SendResult, printable, resultOf } from "../delivery/send-result.ts";

/** Asks for no more of the answer than is read; a bulk of 500 is answered with 15 KB instead of 150. */
export const BULK_PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
export const BULK_CONTENT_TYPE = "application/x-ndjson";
export const MAX_BULK_ANSWER_BYTES = 1_048_576;

/** An item is one line: the action, a tab (which JSON text never holds), the document. */
const SEPARATOR = "\t";
const LINE_FEED = 10;

/** `create`, because a data stream takes nothing else; and with an id a second try is answered with 409 and changes nothing. */
export function bulkItem(index: string, id: string | undefined, document: string): string {
  const action = { create: { _index: index, ...(id === undefined ? {} : { _id: id }) } };
  return JSON.stringify(action) + SEPARATOR + document;
}

export function splitBulkItem(bytes: Buffer): { action: string; document: string } {
  const item = bytes.toString();
  const at = item.indexOf(SEPARATOR);
  return { action: item.slice(0, at), document: item.slice(at + 1) };
}

export function bulkBody(items: readonly Buffer[]): Buffer {
  const body = joinBuffers(items, "", "\n", "\n");
  for (let at = body.indexOf(SEPARATOR); at >= 0; at = body.indexOf(SEPARATOR, at + 1)) body[at] = LINE_FEED;
  return body;
}

interface BulkAnswer {
  readonly errors: boolean;
  readonly items: readonly Readonly<Record<string, BulkItemAnswer>>[];
}
interface BulkItemAnswer {
  readonly status: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

const NO_BULK_ANSWER: SendResult = {
  kind: "retry",
  reason: "no answer of the bulk API",
  hint: "is this the address of Elasticsearch?",
};

/** An answer that cannot be read leaves open what was taken: everything goes out again, and the ids see to it that nothing doubles. */
export function bulkResult(reply: Reply, count: number): SendResult {
  const result = resultOf(reply);
  if (result.kind !== "ok" || "failure" in reply) return result;
  if (!reply.complete) return { kind: "retry", reason: "answer cut off or too long" };
  const answer = parse(reply.text);
  if (answer === undefined) return NO_BULK_ANSWER;
  if (!answer.errors) return { kind: "ok" };
  if (answer.items.length !== count) return NO_BULK_ANSWER;
  return resultOfItems(answer.items);
}

function resultOfItems(items: BulkAnswer["items"]): SendResult {
  const retry: number[] = [];
  const rejected: RejectedItem[] = [];
  let reason = "";
  for (const [index, item] of items.entries()) {
    const { status, error } = Object.values(item)[0] ?? { status: 500 };
    // 409: an earlier try had arrived after all.
    if (status < 300 || status === 409) continue;
    // 403 is what an index says that is closed for writing, as all are when the disk is full.
    if (status === 429 || status === 403 || status >= 500) {
      retry.push(index);
      reason = String(status);
    } else {
      rejected.push({
        index,
        reason: String(status),
        detail: printable(`${error?.type ?? ""}: ${error?.reason ?? ""}`),
      });
    }
  }
  return { kind: "partial", reason, retry, rejected };
}

function parse(text: string): BulkAnswer | undefined {
  try {
    const answer = JSON.parse(text) as Partial<BulkAnswer> | null;
    if (typeof answer?.errors !== "boolean" || !Array.isArray(answer.items)) return undefined;
    return answer as BulkAnswer;
  } catch {
    return undefined;
  }
}
