// A growing buffer of protobuf fields. https://protobuf.dev/programming-guides/encoding/
import type { ByteWriter } from "./byte-writer.ts";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

export class ProtoBuffer {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Throws at what no unsigned number is. */
  varint(field: number, value: number): void {
    if (!(value >= 0)) throw new RangeError(`a value is ${String(value)}`);
    this.#reserve(16);
    this.#writeVarint(field * 8 + VARINT);
    this.#writeVarint(value);
  }

  sint(field: number, value: number): void {
    this.varint(field, zigzag(value));
  }

  packedSint(field: number, values: readonly number[]): void {
    const inner = new ProtoBuffer(values.length * 10);
    for (const value of values) inner.#writeVarint(zigzag(value));
    this.message(field, inner);
  }

  double(field: number, value: number): void {
    if (typeof value !== "number") throw new TypeError(`a value is ${typeof value}`);
    this.#reserve(16);
    this.#writeVarint(field * 8 + FIXED64);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  string(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length + 16);
    this.#writeVarint(field * 8 + BYTES);
    this.#writeVarint(length);
    this.#length += this.#buffer.write(text, this.#length, "utf8");
  }

  message(field: number, inner: ProtoBuffer): void {
    this.#reserve(inner.#length + 16);
    this.#writeVarint(field * 8 + BYTES);
    this.#writeVarint(inner.#length);
    this.#append(inner.#buffer, inner.#length);
  }

  /** Fields that are encoded already. */
  raw(encoded: Buffer): void {
    this.#reserve(encoded.length);
    this.#append(encoded, encoded.length);
  }

  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /** Writes its length, then itself. */
  writeDelimited(out: ByteWriter): void {
    const prefix = new ProtoBuffer(16);
    prefix.#writeVarint(this.#length);
    out.bytes(prefix.#buffer.subarray(0, prefix.#length));
    out.bytes(this.#buffer.subarray(0, this.#length));
  }

  #append(source: Buffer, length: number): void {
    this.#buffer.set(length === source.length ? source : source.subarray(0, length), this.#length);
    this.#length += length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  /** Numbers beyond 32 bits are divided, not shifted. */
  #writeVarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
