import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_RECORD_BYTES, type StoredTrace, createRecordCodec } from "../../src/trace-store/record.ts";

const TRACE: StoredTrace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "check-out",
};
const LINE = "1;00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03;check-out";
const plain = createRecordCodec("default", undefined);
const signed = createRecordCodec("default", "a secret");

test("A record is a line, and comes back as it was", () => {
  assert.equal(plain.key("id-1"), "redtrail:v1:default:id-1");
  assert.equal(plain.encode("k", TRACE), LINE);
  assert.deepEqual(plain.decode("k", LINE), TRACE);
});

for (const isSampled of [true, false]) {
  for (const isRandom of [true, false]) {
    test(`Flags come back: sampled ${isSampled}, random ${isRandom}`, () => {
      const trace = { ...TRACE, isSampled, isRandom };
      assert.deepEqual(plain.decode("k", plain.encode("k", trace)), trace);
    });
  }
}

for (const service of ["", "a service", "naïve", "x".repeat(129), "a;b", "a\r\nSET x"]) {
  test(`The service ${JSON.stringify(service.slice(0, 20))} is left out of a record`, () => {
    assert.equal(plain.decode("k", plain.encode("k", { ...TRACE, service }))?.service, "");
  });
}

test("The longest record has room in what is read", () => {
  const service = "x".repeat(128);
  const record = signed.encode(signed.key("i".repeat(128)), { ...TRACE, service });
  assert.ok(Buffer.byteLength(record) <= MAX_RECORD_BYTES);
  assert.equal(signed.decode(signed.key("i".repeat(128)), record)?.service, service);
});

const MANGLED: readonly (readonly [what: string, record: string])[] = [
  ["nothing", ""],
  ["another version", LINE.replace("1;", "2;")],
  ["upper case", LINE.toUpperCase()],
  ["a trace id of zeros", LINE.replace(TRACE.traceId, "0".repeat(32))],
  ["a span id of zeros", LINE.replace(TRACE.spanId, "0".repeat(16))],
  ["a short trace id", LINE.replace("0af7", "0af")],
  ["unknown flags", LINE.replace("-03;", "-04;")],
  ["a line break", `${LINE}\n`],
  ["something before it", ` ${LINE}`],
  ["a header's rest", `${LINE}\r\nx: y`],
  ["a service that is none", LINE.replace("check-out", "<script>")],
  ["too long a service", LINE.replace("check-out", "x".repeat(129))],
  ["something behind it", `${LINE};x`],
];

for (const [what, record] of MANGLED) {
  test(`What has ${what} is no record`, () => {
    assert.equal(plain.decode("k", record), undefined);
  });
}

test("With a secret the key does not show the request id, and differs by secret", () => {
  const key = signed.key("id-1");
  assert.match(key, /^redtrail:v1:default:[\w-]{43}$/);
  assert.equal(key, signed.key("id-1"));
  assert.notEqual(key, createRecordCodec("default", "another").key("id-1"));
});

test("With a secret only what was signed with it, for this key, is a record", () => {
  const key = signed.key("id-1");
  const record = signed.encode(key, TRACE);
  assert.match(record, /;[\w-]{22}$/);
  assert.deepEqual(signed.decode(key, record), TRACE);
  const forged: Record<string, [string, string]> = {
    "without a signature": [key, LINE],
    "of another key": [signed.key("id-2"), record],
    "of another secret": [key, createRecordCodec("default", "another").encode(key, TRACE)],
    "with another span": [key, record.replace("b7ad", "b7ae")],
    "with other flags": [key, record.replace("-03;", "-01;")],
    "with another service": [key, record.replace("check-out", "chuck-out")],
    "with a broken signature": [key, `${record.slice(0, -2)}${record.at(-2) === "A" ? "B" : "A"}${record.at(-1)}`],
    cut: [key, record.slice(0, -1)],
  };
  for (const [what, [at, text]] of Object.entries(forged)) assert.equal(signed.decode(at, text), undefined, what);
});

test("Without a secret a signed record is read too, so that a secret can be brought in service by service", () => {
  assert.deepEqual(plain.decode("k", signed.encode("k", TRACE)), TRACE);
});
