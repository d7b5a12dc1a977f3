import assert from "node:assert/strict";
import test from "node:test";
import { redactPath, redactQuery, redactUrl } from "../../src/redaction/urls.ts";

const queries: readonly (readonly [string, string])[] = [
  ["", ""],
  ["page=2&sort=name", "page=2&sort=name"],
  ["token=s3cr3t", "token=REDACTED"],
  ["a=1&TOKEN=s3cr3t&b=2", "a=1&TOKEN=REDACTED&b=2"],
  ["api_key=k&apikey=k&x-api-key=k", "api_key=REDACTED&apikey=REDACTED&x-api-key=REDACTED"],
  ["user[password]=p", "user[password]=REDACTED"],
  ["%74oken=s3cr3t", "%74oken=REDACTED"],
  ["csrf_token=t&my.secret=t", "csrf_token=REDACTED&my.secret=REDACTED"],
  ["X-Amz-Signature=abc&sig=def", "X-Amz-Signature=REDACTED&sig=REDACTED"],
  ["token=", "token="],
  ["token", "token"],
  ["tokens_used=5", "tokens_used=5"],
  ["%zz=1&password=p=q", "%zz=1&password=REDACTED"],
];
for (const [query, expected] of queries) {
  test(`redactQuery("${query}") is "${expected}"`, () => assert.equal(redactQuery(query), expected));
}

const urls: readonly (readonly [string, string])[] = [
  ["https://example.com/a?b=c", "https://example.com/a?b=c"],
  ["https://me:pw@example.com/a?token=t#top", "https://REDACTED:REDACTED@example.com/a?token=REDACTED#top"],
  ["https://me@example.com/", "https://REDACTED:REDACTED@example.com/"],
  ["https://example.com/@user", "https://example.com/@user"],
  ["https://example.com/?q=a@b", "https://example.com/?q=a@b"],
];
for (const [url, expected] of urls) {
  test(`redactUrl("${url}") is "${expected}"`, () => assert.equal(redactUrl(url), expected));
}

test("redactPath leaves a path without a query alone", () => assert.equal(redactPath("/token=x/y"), "/token=x/y"));
