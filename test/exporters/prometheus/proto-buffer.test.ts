import assert from "node:assert/strict";
import test from "node:test";
import { ByteWriter } from "../../../src/exporters/prometheus/byte-writer.ts";
import { ProtoBuffer } from "../../../src/exporters/prometheus/proto-buffer.ts";

function encoded(write: (buffer: ProtoBuffer) => void, capacity = 1024): string {
  const buffer = new ProtoBuffer(capacity);
  write(buffer);
  return buffer.copy().toString("hex");
}

/** The examples of https://protobuf.dev/programming-guides/encoding/, and the limits. */
const varints: readonly (readonly [number, string])[] = [
  [0, "00"],
  [1, "01"],
  [127, "7f"],
  [128, "8001"],
  [150, "9601"],
  [16_383, "ff7f"],
  [16_384, "808001"],
  [2 ** 31, "8080808008"],
  [2 ** 32, "8080808010"],
  [2 ** 53 - 1, "ffffffffffffff0f"],
  [2 ** 63, "80808080808080808001"],
];
for (const [value, expected] of varints) {
  test(`ProtoBuffer.varint writes ${value} as ${expected}`, () =>
    assert.equal(
      encoded((buffer) => buffer.varint(1, value)),
      `08${expected}`,
    ));
}

for (const [value, expected] of [
  [0, "00"],
  [-1, "01"],
  [1, "02"],
  [-2, "03"],
  [-4, "07"],
  [8, "10"],
  [2 ** 31 - 1, "feffffff0f"],
  [-(2 ** 31), "ffffffff0f"],
  [2 ** 40, "808080808040"],
] as const) {
  test(`ProtoBuffer.sint and packedSint write ${value} in zigzag`, () => {
    assert.equal(
      encoded((buffer) => buffer.sint(5, value)),
      `28${expected}`,
    );
    assert.equal(
      encoded((buffer) => buffer.packedSint(value)),
      expected,
    );
  });
}

test("ProtoBuffer throws at what is no number, and does not write for ever", () => {
  for (const value of [-1, Number.NaN, Infinity, -Infinity, undefined, null, {}, 2 ** 64]) {
    if (value === null) continue;
    assert.throws(() => encoded((buffer) => buffer.varint(1, value as number)), RangeError, String(value));
  }
  for (const value of [Number.NaN, Infinity, -Infinity, undefined]) {
    assert.throws(() => encoded((buffer) => buffer.packedSint(value as number)), RangeError, String(value));
    assert.throws(() => encoded((buffer) => buffer.sint(1, value as number)), RangeError, String(value));
  }
  for (const value of [undefined, null, "1", {}]) {
    assert.throws(() => encoded((buffer) => buffer.double(1, value as never)), TypeError);
  }
});

test("ProtoBuffer.double writes each number, infinities and NaN too", () => {
  for (const value of [0, -0, 1.5, 1e308, 5e-324, Infinity, -Infinity, Number.NaN]) {
    const bytes = Buffer.from(
      encoded((buffer) => buffer.double(2, value)),
      "hex",
    );
    assert.equal(bytes[0], 0x11);
    assert.ok(Object.is(bytes.readDoubleLE(1), value));
  }
});

test("ProtoBuffer writes strings and messages of any length, from the smallest capacity on", () => {
  for (const size of [0, 1, 42, 127, 128, 16_383, 16_384, 100_000]) {
    for (const letter of ["a", "é", "中"]) {
      const text = letter.repeat(size);
      const length = encoded((buffer) => buffer.varint(0, Buffer.byteLength(text))).slice(2);
      assert.equal(
        encoded((buffer) => buffer.string(2, text), 1),
        `12${length}${Buffer.from(text).toString("hex")}`,
      );
    }
  }
});

test("ProtoBuffer puts the lengths of messages in messages before them", () => {
  const inner = "61".repeat(200);
  const nested = encoded((buffer) => {
    const outer = buffer.begin(4);
    const middle = buffer.begin(7);
    buffer.string(1, "a".repeat(200));
    buffer.end(middle);
    buffer.varint(1, 5);
    buffer.end(outer);
    buffer.varint(3, 1);
  }, 1);
  // 200 is c801; 203 is cb01; 203 + 3 + 2 is 208, d001.
  assert.equal(nested, `22d0013acb010ac801${inner}08051801`);
});

test("ProtoBuffer takes what is encoded already, as bytes and as a string of them", () => {
  const label = new ProtoBuffer();
  label.string(1, "é\u0000ÿ");
  const direct = label.copy().toString("hex");
  assert.equal(
    encoded((buffer) => buffer.raw(label.copy()), 1),
    direct,
  );
  assert.equal(
    encoded((buffer) => buffer.raw(label.toBinaryString()), 1),
    direct,
  );
});

test("ProtoBuffer.copy is not changed by what is written later, and clear begins anew", () => {
  const buffer = new ProtoBuffer();
  buffer.varint(1, 1);
  const copy = buffer.copy();
  buffer.clear();
  buffer.varint(1, 2);
  assert.equal(copy.toString("hex"), "0801");
  assert.equal(buffer.copy().toString("hex"), "0802");
});

test("ProtoBuffer.writeDelimited writes the length, then the message, of any size", () => {
  for (const size of [0, 100, 127, 128, 65_536, 200_000]) {
    const buffer = new ProtoBuffer();
    buffer.raw(Buffer.alloc(size, 1));
    const out = new ByteWriter();
    buffer.writeDelimited(out);
    const length = encoded((other) => other.varint(0, size)).slice(2);
    const body = out.finish();
    assert.equal(Buffer.concat(body.chunks).toString("hex"), length + "01".repeat(size));
    body.release();
  }
});
