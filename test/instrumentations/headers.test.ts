import assert from "node:assert/strict";
import type { OutgoingMessage } from "node:http";
import { test } from "node:test";
import { createHeaderCapture, outgoingHeader } from "../../instrumentations/http/headers.ts";

type Values = Record<string, string | string[]>;

function capture(names: readonly string[], message: Values): Record<string, unknown> {
  return createHeaderCapture<Values>("request", names, (values, name) => values[name])?.(message) ?? {};
}

test("createHeaderCapture does nothing without names", () => {
  assert.equal(
    createHeaderCapture("request", [], () => "a"),
    undefined,
  );
});

test("createHeaderCapture sets what is there, as lists", () => {
  assert.deepEqual(capture(["accept", "x-list", "x-none"], { accept: "a, b", "x-list": ["a", "b"], other: "c" }), {
    "http.request.header.accept": ["a, b"],
    "http.request.header.x-list": ["a", "b"],
  });
});

test("createHeaderCapture cuts a value after 1,024 characters, and a list after 16 values", () => {
  assert.deepEqual(capture(["a"], { a: "x".repeat(1_024) }), { "http.request.header.a": ["x".repeat(1_024)] });
  assert.deepEqual(capture(["a"], { a: "x".repeat(1_025) }), { "http.request.header.a": ["x".repeat(1_024)] });
  const many = Array.from({ length: 17 }, (_, index) => String(index));
  assert.deepEqual(capture(["a"], { a: many }), { "http.request.header.a": many.slice(0, 16) });
});

test("outgoingHeader reads what was set, and what went straight into the header block", () => {
  const message = {
    getHeader: (name: string) => ({ a: 1, b: ["x", "y"] })[name],
    _header: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie:b=2\r\nX-A-Long: 3\r\n\r\n",
  } as unknown as OutgoingMessage;
  assert.equal(outgoingHeader(message, "a"), "1");
  assert.deepEqual(outgoingHeader(message, "b"), ["x", "y"]);
  assert.deepEqual(outgoingHeader(message, "set-cookie"), ["a=1", "b=2"]);
  assert.equal(outgoingHeader(message, "x-a"), undefined);
  assert.equal(outgoingHeader({ getHeader: () => undefined } as unknown as OutgoingMessage, "a"), undefined);
});
