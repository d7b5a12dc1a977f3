import assert from "node:assert/strict";
import test from "node:test";
import { ByteWriter, numberText } from "../../../src/exporters/prometheus/byte-writer.ts";
import type { Body } from "../../../src/exporters/prometheus/format.ts";

const CHUNK = 65_536;

function textOf(body: Body): string {
  const bytes = Buffer.concat(body.chunks);
  assert.equal(bytes.length, body.byteLength);
  assert.ok(body.chunks.every(({ length }) => length > 0 && length <= CHUNK));
  return bytes.toString("utf8");
}

test("ByteWriter writes texts of any size, across the borders of its pieces", () => {
  const sizes = [0, 1, 2, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7, 21_845, 21_846];
  for (const unit of ["a", "é", "中", "😀"]) {
    const writer = new ByteWriter();
    const expected = sizes.map((size) => unit.repeat(size)).join("\n");
    for (const [index, size] of sizes.entries()) {
      if (index > 0) writer.byte(10);
      writer.text(unit.repeat(size));
    }
    assert.equal(writer.byteLength, Buffer.byteLength(expected));
    assert.ok(textOf(writer.finish()) === expected);
  }
});

test("ByteWriter writes each kind of piece at each place near a border", () => {
  for (let before = CHUNK - 40; before <= CHUNK + 1; before++) {
    const writer = new ByteWriter();
    writer.bytes(Buffer.alloc(before, "x"));
    writer.text("中é");
    writer.integer(9_007_199_254_740_991);
    writer.byte(33);
    writer.binary("\u00e2\u0082\u00ac");
    writer.integer(0);
    writer.bytes(Buffer.from("end"));
    const text = textOf(writer.finish());
    assert.equal(text.slice(before), "中é9007199254740991!€0end");
    assert.ok(text.startsWith("x".repeat(before)));
  }
});

const numbers: readonly (readonly [number, string])[] = [
  [0, "0"],
  [-0, "0"],
  [9, "9"],
  [10, "10"],
  [99, "99"],
  [100, "100"],
  [1_234_567_890, "1234567890"],
  [2 ** 53 - 1, "9007199254740991"],
  [2 ** 53, "9007199254740992"],
  [2 ** 53 + 2, "9007199254740994"],
  [9_007_199_254_740_989, "9007199254740989"],
  [999_999_999_999_999, "999999999999999"],
  [-1, "-1"],
  [0.1, "0.1"],
  [1.5, "1.5"],
  [1e21, "1e+21"],
  [1e308, "1e+308"],
  [5e-324, "5e-324"],
  [Number.NaN, "NaN"],
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
];
for (const [value, expected] of numbers) {
  test(`ByteWriter.integer writes ${Object.is(value, -0) ? "-0" : value} as ${expected}`, () => {
    for (const before of [0, CHUNK - 3]) {
      const writer = new ByteWriter();
      writer.bytes(Buffer.alloc(before, "x"));
      writer.integer(value);
      assert.equal(textOf(writer.finish()).slice(before), expected);
    }
  });
}

test("ByteWriter.integer writes every power of ten and its neighbours", () => {
  const writer = new ByteWriter();
  const values = Array.from({ length: 16 }, (_, power) => [10 ** power - 1, 10 ** power, 10 ** power + 1]).flat();
  for (const value of values) {
    writer.integer(value);
    writer.byte(32);
  }
  assert.equal(textOf(writer.finish()), values.map((value) => `${value} `).join(""));
});

test("numberText and ByteWriter.integer throw at what is no number", () => {
  for (const value of [undefined, null, true, "1", {}, 1n]) {
    assert.throws(() => numberText(value as never), TypeError);
    assert.throws(() => new ByteWriter().integer(value as never), TypeError);
  }
});

test("ByteWriter.rollBack undoes what was written since, over several pieces", () => {
  for (const before of [0, 5, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]) {
    for (const undone of [0, 1, 10, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 3]) {
      const writer = new ByteWriter();
      writer.bytes(Buffer.alloc(before, "a"));
      const mark = writer.byteLength;
      writer.bytes(Buffer.alloc(undone, "b"));
      writer.rollBack(mark);
      assert.equal(writer.byteLength, before);
      writer.text("c".repeat(CHUNK + 2));
      assert.ok(textOf(writer.finish()) === "a".repeat(before) + "c".repeat(CHUNK + 2), `${before} ${undone}`);
    }
  }
});

test("ByteWriter uses memory again that was given back, and none that is held", () => {
  const write = (letter: string): Body => {
    const writer = new ByteWriter();
    writer.bytes(Buffer.alloc(3 * CHUNK + 10, letter));
    return writer.finish();
  };
  const held = write("h");
  const given = write("g");
  const pieces = new Set(given.chunks.map(({ buffer }) => buffer));
  given.release();
  const next = write("n");
  assert.ok(next.chunks.some(({ buffer }) => pieces.has(buffer)));
  const another = write("o");
  assert.equal(textOf(held), "h".repeat(3 * CHUNK + 10));
  assert.equal(textOf(next), "n".repeat(3 * CHUNK + 10));
  assert.equal(textOf(another), "o".repeat(3 * CHUNK + 10));
  for (const body of [held, next, another]) body.release();
});

test("ByteWriter gives a body back once, however often it is told to", () => {
  const first = new ByteWriter();
  first.text("first");
  const body = first.finish();
  body.release();
  body.release();
  const second = new ByteWriter();
  const third = new ByteWriter();
  second.text("second");
  third.text("third");
  assert.equal(textOf(second.finish()), "second");
  assert.equal(textOf(third.finish()), "third");
});

test("ByteWriter gives rolled back and discarded pieces to nobody twice", () => {
  const writer = new ByteWriter();
  writer.bytes(Buffer.alloc(4 * CHUNK, "a"));
  writer.rollBack(10);
  const discarded = new ByteWriter();
  discarded.bytes(Buffer.alloc(2 * CHUNK, "d"));
  discarded.discard();
  const others = Array.from({ length: 8 }, (_, index) => {
    const other = new ByteWriter();
    other.bytes(Buffer.alloc(CHUNK, String(index)));
    return other.finish();
  });
  assert.equal(textOf(writer.finish()), "a".repeat(10));
  for (const [index, other] of others.entries()) assert.equal(textOf(other), String(index).repeat(CHUNK));
});

test("An empty ByteWriter is a body without pieces", () => {
  const { chunks, byteLength } = new ByteWriter().finish();
  assert.deepEqual({ chunks, byteLength }, { chunks: [], byteLength: 0 });
});
