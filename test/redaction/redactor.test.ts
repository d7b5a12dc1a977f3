import assert from "node:assert/strict";
import test from "node:test";
import type { Attributes } from "@opentelemetry/api";
import { compilePatterns } from "../../src/redaction/patterns.ts";
import { type RedactorOptions, createRedactor } from "../../src/redaction/redactor.ts";

function redact(attributes: Attributes, options?: RedactorOptions): { attributes: Attributes; counts: object } {
  const redactor = createRedactor(options);
  redactor.attributes(attributes);
  const counts = Object.fromEntries(Object.entries(redactor.counts).filter(([, count]) => count > 0));
  return { attributes, counts };
}

const SECRETS: readonly (readonly [key: string, before: unknown, after: unknown, counts: object])[] = [
  ["url.full", "https://u:p@h/?token=t", "https://REDACTED:REDACTED@h/?token=REDACTED", { query: 1, credentials: 1 }],
  ["http.url", "https://h/?sig=t", "https://h/?sig=REDACTED", { query: 1 }],
  ["http.target", "/a?token=t", "/a?token=REDACTED", { query: 1 }],
  ["url.query", "a=1&token=t", "a=1&token=REDACTED", { query: 1 }],
  ["url.query", "next=https://u:p@h/", "next=https://REDACTED:REDACTED@h/", { credentials: 1 }],
  ["db.statement", "SELECT 'a'", "SELECT ?", { db: 1 }],
  ["db.query.text", "SELECT 'a'", "SELECT ?", { db: 1 }],
  ["db.query.parameter.name", "a", "REDACTED", { db: 1 }],
  ["db.mysql.values", ["a", "b"], ["REDACTED"], { db: 1 }],
  ["http.request.header.authorization", ["Bearer a"], ["REDACTED"], { header: 1 }],
  ["http.request.header.referer", ["https://h/?token=t"], ["https://h/?token=REDACTED"], { query: 1 }],
  [
    "exception.message",
    "at https://u:p@h/?token=t",
    "at https://REDACTED:REDACTED@h/?token=REDACTED",
    { query: 1, credentials: 1 },
  ],
  ["http.request.method", "GET", "GET", {}],
  ["app.note", "https://u:p@h/", "https://u:p@h/", {}],
];
for (const [key, before, after, counts] of SECRETS) {
  test(`createRedactor makes of ${key}=${JSON.stringify(before)} ${JSON.stringify(after)}`, () => {
    assert.deepEqual(redact({ [key]: before }), { attributes: { [key]: after }, counts });
  });
}

test("createRedactor reads a statement as its database does, by either name of the system", () => {
  const statement = "SELECT \"a\" WHERE b = 'C:\\', 's3cret'";
  for (const key of ["db.system.name", "db.system"]) {
    const { attributes } = redact({ "db.query.text": statement, [key]: "postgresql" });
    assert.equal(attributes["db.query.text"], 'SELECT "a" WHERE b = ?, ?');
  }
});

test("createRedactor leaves statements and their parameters alone when told to", () => {
  const attributes = { "db.query.text": "SELECT 'a'", "db.query.parameter.0": "a" };
  assert.deepEqual(redact({ ...attributes }, { dbQueries: false }), { attributes, counts: {} });
});

test("createRedactor replaces the values of custom keys, of any type, also in maps", () => {
  assert.deepEqual(
    redact(
      { "user.id": 7, user: { email: "a", n: [{ id: 1 }] }, other: 1 },
      { keys: ["USER.id", "*.email", "user.n.id"] },
    ),
    {
      attributes: { "user.id": "REDACTED", user: { email: "REDACTED", n: [{ id: "REDACTED" }] }, other: 1 },
      counts: { key: 3 },
    },
  );
});

test("createRedactor applies custom patterns to all texts, in lists and maps, and to what other rules have left", () => {
  const replacePatterns = compilePatterns([String.raw`\d{4}-\d{4}`]).replace;
  assert.deepEqual(
    redact(
      {
        a: "card 1234-5678",
        list: ["x", "1234-5678"],
        map: { card: "1234-5678", bytes: new Uint8Array(1), nothing: null },
        "url.path": "/cards/1234-5678",
        "http.request.header.x-card": ["1234-5678"],
        n: 1234,
      },
      { replacePatterns },
    ),
    {
      attributes: {
        a: "card REDACTED",
        list: ["x", "REDACTED"],
        map: { card: "REDACTED", bytes: new Uint8Array(1), nothing: null },
        "url.path": "/cards/REDACTED",
        "http.request.header.x-card": ["REDACTED"],
        n: 1234,
      },
      counts: { pattern: 5 },
    },
  );
});

test("createRedactor keeps lists and maps in which nothing is secret", () => {
  const attributes = { list: ["a"], map: { a: ["b"] } };
  const { list, map } = attributes;
  const redacted = redact(attributes, { keys: ["x"], replacePatterns: (text) => text }).attributes;
  assert.equal(redacted["list"], list);
  assert.equal(redacted["map"], map);
});

test("createRedactor replaces an attribute that throws when it is read, and goes on with the others", () => {
  const attributes = {
    "http.url": "https://u:p@h/",
    get broken(): string {
      throw new Error("s3cret");
    },
    get "url.full"() {
      return "https://u:p@h/";
    },
    "url.query": "token=t",
  };
  createRedactor().attributes(attributes);
  assert.deepEqual(
    { ...attributes },
    {
      "http.url": "https://REDACTED:REDACTED@h/",
      broken: "REDACTED",
      "url.full": "REDACTED",
      "url.query": "token=REDACTED",
    },
  );
});

test("createRedactor works the same when an app makes up keys without end", () => {
  const redactor = createRedactor();
  for (let index = 0; index < 5_000; index++) redactor.attributes({ [`key-${index}`]: "a" });
  const attributes = { "url.query": "token=t" };
  redactor.attributes(attributes);
  assert.equal(attributes["url.query"], "token=REDACTED");
});

test("Redactor's functions of one value redact as its attributes do", () => {
  const redactor = createRedactor({ replacePatterns: compilePatterns(["s3cret"]).replace });
  const one = (key: string, value: string): unknown => {
    const attributes: Attributes = { [key]: value };
    redactor.attributes(attributes);
    return attributes[key];
  };
  assert.equal(one("url.path", "/s3cret?token=t"), "/REDACTED?token=REDACTED");
  assert.equal(one("url.query", "token=t&a=s3cret"), "token=REDACTED&a=REDACTED");
  assert.equal(redactor.url("https://u:p@h/"), "https://REDACTED:REDACTED@h/");
  assert.equal(one("http.request.header.authorization", "Basic a"), "REDACTED");
  assert.equal(one("http.request.header.referer", "/?token=t"), "/?token=REDACTED");
  assert.equal(redactor.text("s3cret at https://u:p@h/"), "REDACTED at https://REDACTED:REDACTED@h/");
  assert.deepEqual(redactor.counts, { query: 3, credentials: 2, header: 1, db: 0, key: 0, pattern: 3 });
});
