import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply, SendResult } from "../../../src/exporters/delivery/send-result.ts";
import { bulkBody, bulkItem, bulkResult, splitBulkItem } from "../../../src/exporters/elasticsearch/bulk.ts";

const ITEMS = ["a", "b", "c", "d", "e", "f"].map((id) => bulkItem("logs", id, `{"path":"/${id}\\t"}`));

function answer(status: number, body: unknown, complete = true): Reply {
  return { status, text: typeof body === "string" ? body : JSON.stringify(body), complete };
}

test("bulkBody writes an action and a document for each item", () => {
  const items = [bulkItem("logs-a", "12", '{"m":"\\t\\n"}'), bulkItem('we"ird', undefined, "{}")];
  assert.equal(
    bulkBody(items.map((item) => Buffer.from(item))).toString(),
    '{"create":{"_index":"logs-a","_id":"12"}}\n{"m":"\\t\\n"}\n{"create":{"_index":"we\\"ird"}}\n{}\n',
  );
  assert.deepEqual(splitBulkItem(Buffer.from(items[0] as string)), {
    action: '{"create":{"_index":"logs-a","_id":"12"}}',
    document: '{"m":"\\t\\n"}',
  });
});

test("bulkResult goes by the status of each item", () => {
  const items = [201, 409, 429, 400, 503, 403].map((status) => ({
    create: {
      status,
      ...(status === 400 ? { error: { type: "document_parsing_exception", reason: "bad\nfield" } } : {}),
    },
  }));
  assert.deepEqual(bulkResult(answer(200, { errors: true, items }), ITEMS.length), {
    kind: "partial",
    reason: "403",
    retry: [2, 4, 5],
    rejected: [{ index: 3, reason: "400", detail: "document_parsing_exception: bad field" }],
  });
  assert.deepEqual(bulkResult(answer(200, { errors: false, items: [] }), ITEMS.length), { kind: "ok" });
});

const NO_BULK_ANSWER = "no answer of the bulk API";
const UNREADABLE: readonly (readonly [what: string, reply: Reply, reason: string])[] = [
  ["of something else", answer(200, "<html>welcome</html>"), NO_BULK_ANSWER],
  ["that is no object", answer(200, "null"), NO_BULK_ANSWER],
  ["without items", answer(200, { errors: true }), NO_BULK_ANSWER],
  ["for other items", answer(200, { errors: true, items: [] }), NO_BULK_ANSWER],
  ["that is cut", answer(200, '{"errors":', false), "answer cut off or too long"],
];
for (const [what, reply, reason] of UNREADABLE) {
  test(`bulkResult has everything sent again after an answer ${what}`, () => {
    const result = bulkResult(reply, ITEMS.length);
    assert.equal(result.kind === "retry" && result.reason, reason);
  });
}

const BY_STATUS: readonly (readonly [status: number, kind: SendResult["kind"]])[] = [
  [400, "drop"],
  [401, "retry"],
  [404, "drop"],
  [413, "split"],
  [429, "retry"],
  [503, "retry"],
];
for (const [status, kind] of BY_STATUS) {
  test(`bulkResult of a ${status} for the whole request is ${kind}`, () => {
    assert.equal(bulkResult(answer(status, "{}"), ITEMS.length).kind, kind);
  });
}
