// A growing buffer of protobuf fields. https://protobuf.dev/programming-guides/encoding/
import type { ByteWriter } from "./byte-writer.ts";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
/** Ten bytes hold 64 bits; infinity would be written forever. */
const MAX_VARINT = 2 ** 64;

export class ProtoBuffer {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Throws at what is no unsigned number. */
  varint(field: number, value: number): void {
    if (!(value >= 0 && value < MAX_VARINT)) throw new RangeError(`a value is ${String(value)}`);
    this.#reserve(20);
    this.#writeVarint(field * 8 + VARINT);
    this.#writeVarint(value);
  }

  sint(field: number, value: number): void {
    this.varint(field, zigzag(value));
  }

  /** One value of a packed field of sint64, between `begin` and `end`. */
  packedSint(value: number): void {
    const unsigned = zigzag(value);
    if (!(unsigned < MAX_VARINT)) throw new RangeError(`a value is ${value}`);
    this.#reserve(10);
    this.#writeVarint(unsigned);
  }

  double(field: number, value: number): void {
    if (typeof value !== "number") throw new TypeError(`a value is ${typeof value}`);
    this.#reserve(20);
    this.#writeVarint(field * 8 + FIXED64);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  string(field: number, text: string): void {
    const mark = this.begin(field);
    this.#reserve(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length, "utf8");
    this.end(mark);
  }

  /** Begins a message, or whatever has a length before it; what is written until `end` is in it. */
  begin(field: number): number {
    this.#reserve(16);
    this.#writeVarint(field * 8 + BYTES);
    // One byte for the length, which most have enough with.
    return ++this.#length;
  }

  end(mark: number): void {
    const length = this.#length - mark;
    let more = 0;
    for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) more++;
    if (more > 0) {
      this.#reserve(more);
      this.#buffer.copyWithin(mark + more, mark, this.#length);
    }
    this.#length = mark - 1;
    this.#writeVarint(length);
    this.#length += length;
  }

  /** Fields that are encoded already, as bytes or as a string with a character for each byte. */
  raw(encoded: Buffer | string): void {
    this.#reserve(encoded.length);
    if (typeof encoded === "string") this.#buffer.write(encoded, this.#length, "latin1");
    else this.#buffer.set(encoded, this.#length);
    this.#length += encoded.length;
  }

  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /** A character for each byte: unlike a small Buffer, a string holds no shared memory. */
  toBinaryString(): string {
    return this.#buffer.toString("latin1", 0, this.#length);
  }

  /** Writes its length, then itself. */
  writeDelimited(out: ByteWriter): void {
    for (let rest = this.#length; ; rest = Math.floor(rest / 0x80)) {
      out.byte(rest >= 0x80 ? (rest % 0x80) + 0x80 : rest);
      if (rest < 0x80) break;
    }
    out.bytes(this.#buffer.subarray(0, this.#length));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + bytes));
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
