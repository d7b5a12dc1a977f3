import assert from "node:assert/strict";
import test from "node:test";
import { redactCredentialsIn, redactQueriesIn, redactQueriesInside } from "../../src/redaction/text.ts";

const CLEAN = "REDACTED:REDACTED@";

const credentials: readonly (readonly [string, string])[] = [
  ["", ""],
  ["no URL, me@example.com", "no URL, me@example.com"],
  ["redis://:pw@cache:6379 is away", `redis://${CLEAN}cache:6379 is away`],
  ['{"url":"mongodb://u:p@ss@h1,h2/db"}', `{"url":"mongodb://${CLEAN}h1,h2/db"}`],
  ["a://u:p@x, then b://v:q@y", `a://${CLEAN}x, then b://${CLEAN}y`],
  ["https://a.example/?next=https://u:p@b.example/", `https://a.example/?next=https://${CLEAN}b.example/`],
  // No credentials.
  ["(http://localhost:3000)", "(http://localhost:3000)"],
  ["at http://[::1]:80/x@y and http://h:80/@me", "at http://[::1]:80/x@y and http://h:80/@me"],
  ["at f (file:///app/node_modules/@scope/x.mjs:10:5)", "at f (file:///app/node_modules/@scope/x.mjs:10:5)"],
  // What is no URL by the letter: a password with a slash, one that a limit of length has cut.
  ["Invalid URL postgres://u:p/s3cret#x@host/db", `Invalid URL postgres://${CLEAN}host/db`],
  ["postgres://u:s3cr", `postgres://${CLEAN}`],
  [`https://${CLEAN}x/`, `https://${CLEAN}x/`],
];
for (const [text, expected] of credentials) {
  test(`redactCredentialsIn("${text}") is "${expected}"`, () => assert.equal(redactCredentialsIn(text), expected));
}

const queries: readonly (readonly [string, string])[] = [
  ["", ""],
  ["token=t&is=it?token=t", "token=t&is=it?token=t"],
  ["GET https://a/?token=t&b=1 failed", "GET https://a/?token=REDACTED&b=1 failed"],
  ["https://a/?next=https://b/?token=t", "https://a/?next=https://b/?token=REDACTED"],
  ["https://a/?token=https://b/?x=1", "https://a/?token=REDACTED"],
  ["<https://a/?sig=t> 'https://b/?sig=t'", "<https://a/?sig=REDACTED> 'https://b/?sig=REDACTED'"],
];
for (const [text, expected] of queries) {
  test(`redactQueriesIn("${text}") is "${expected}"`, () => assert.equal(redactQueriesIn(text), expected));
}

test("redactQueriesInside redacts a URL in another's query, and looks no closer where there is none", () => {
  assert.equal(redactQueriesInside("https://a/?next=https://b/?token=t"), "https://a/?next=https://b/?token=REDACTED");
  assert.equal(redactQueriesInside("https://a/?token=t"), "https://a/?token=t");
});
