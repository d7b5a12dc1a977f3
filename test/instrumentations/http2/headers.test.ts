// Headers as node:http2 takes them: objects with keys in any case, and lists of names and values.
import assert from "node:assert/strict";
import { sensitiveHeaders } from "node:http2";
import { test } from "node:test";
import {
  type Http2Headers,
  copyHeaders,
  headerIn,
  setHeader,
  textsIn,
} from "../../../instrumentations/http2/headers.ts";

const FORMS: readonly (readonly [string, () => Http2Headers])[] = [
  ["an object", () => ({ ":path": "/a", "X-Id": "1", "set-cookie": ["a", "b"], age: 7 })],
  ["a list", () => [":path", "/a", "X-Id", "1", "set-cookie", ["a", "b"], "age", 7]],
];

for (const [form, make] of FORMS) {
  test(`headerIn and textsIn find a header of ${form} whatever its case`, () => {
    const headers = make();
    assert.equal(headerIn(headers, ":path"), "/a");
    assert.equal(headerIn(headers, "x-id"), "1");
    assert.equal(headerIn(headers, "/a"), undefined);
    assert.deepEqual(textsIn(headers, "set-cookie"), ["a", "b"]);
    assert.equal(textsIn(headers, "age"), "7");
    assert.equal(textsIn(headers, "none"), undefined);
  });

  test(`setHeader replaces a header of ${form} in a copy, or adds it, and the app's own stays as it was`, () => {
    const given = make();
    const copy = copyHeaders(given);
    setHeader(copy, "x-id", "2");
    setHeader(copy, "new", "3");
    assert.equal(headerIn(copy, "x-id"), "2");
    assert.equal(headerIn(copy, "new"), "3");
    assert.deepEqual(given, make());
    assert.equal(JSON.stringify(copy).match(/x-id/gi)?.length, 1);
  });

  test(`copyHeaders keeps which headers of ${form} are sensitive`, () => {
    const given = Object.assign(make(), { [sensitiveHeaders]: ["x-id"] });
    assert.deepEqual((copyHeaders(given) as unknown as typeof given)[sensitiveHeaders], ["x-id"]);
  });
}

test("copyHeaders makes headers where the app gives none", () => {
  assert.deepEqual([copyHeaders(undefined), copyHeaders(null)], [{}, {}]);
});
