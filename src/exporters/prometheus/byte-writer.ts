// Writes text and numbers as bytes into pieces of 64 KiB, which are used again: a scrape leaves next to no garbage.
import type { Body } from "./format.ts";

const CHUNK_BYTES = 65_536;
/** 8 MiB are kept for the next scrape; what a larger one needs beyond is let go. */
const MAX_KEPT = 128;

const free: Buffer[] = [];

function takeChunk(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

export class ByteWriter {
  readonly #full: Buffer[] = [];
  #chunk: Buffer = takeChunk();
  #position = 0;
  #fullBytes = 0;

  get byteLength(): number {
    return this.#fullBytes + this.#position;
  }

  bytes(source: Uint8Array): void {
    const { length } = source;
    if (this.#position + length > this.#chunk.length) {
      this.#split(source);
      return;
    }
    this.#chunk.set(source, this.#position);
    this.#position += length;
  }

  byte(value: number): void {
    if (this.#position === this.#chunk.length) this.#nextChunk();
    this.#chunk[this.#position++] = value;
  }

  text(text: string): void {
    // A UTF-16 unit is three bytes at most.
    const most = text.length * 3;
    if (most > this.#chunk.length - this.#position) this.bytes(Buffer.from(text, "utf8"));
    else this.#position += this.#chunk.write(text, this.#position, "utf8");
  }

  /** A string with a character for each byte. */
  binary(text: string): void {
    const { length } = text;
    if (length > this.#chunk.length - this.#position) this.bytes(Buffer.from(text, "latin1"));
    else this.#position += this.#chunk.write(text, this.#position, "latin1");
  }

  /** A whole number from 0 on; any other is written as `text` writes it, and what is none throws. */
  integer(value: number): void {
    if (typeof value !== "number" || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER) || value % 1 !== 0) {
      this.text(numberText(value));
      return;
    }
    if (this.#chunk.length - this.#position < 16) {
      this.text(String(value));
      return;
    }
    const chunk = this.#chunk;
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    const end = this.#position + digits;
    let rest = value;
    for (let at = end - 1; at >= this.#position; at--) {
      const tens = Math.floor(rest / 10);
      // In brackets: with 48 added first, the largest numbers would be rounded.
      chunk[at] = 48 + (rest - tens * 10);
      rest = tens;
    }
    this.#position = end;
  }

  finish(): Body {
    const chunks = [...this.#full, this.#chunk.subarray(0, this.#position)].filter(({ length }) => length > 0);
    const pieces = [...this.#full, this.#chunk];
    let isReleased = false;
    return {
      chunks,
      byteLength: this.byteLength,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        for (const piece of pieces) if (free.length < MAX_KEPT) free.push(piece);
      },
    };
  }

  /** Undoes what was written since `mark`, a value of `byteLength`. */
  rollBack(mark: number): void {
    while (this.#fullBytes > mark) {
      if (free.length < MAX_KEPT) free.push(this.#chunk);
      this.#chunk = this.#full.pop() as Buffer;
      this.#fullBytes -= this.#chunk.length;
    }
    this.#position = mark - this.#fullBytes;
  }

  /** Gives back what was written, which nobody will read. */
  discard(): void {
    this.finish().release();
  }

  #split(source: Uint8Array): void {
    let from = 0;
    while (from < source.length) {
      if (this.#position === this.#chunk.length) this.#nextChunk();
      const piece = source.subarray(from, from + this.#chunk.length - this.#position);
      this.#chunk.set(piece, this.#position);
      this.#position += piece.length;
      from += piece.length;
    }
  }

  /** Called only when the chunk is full, so that every piece but the last is whole. */
  #nextChunk(): void {
    this.#full.push(this.#chunk);
    this.#fullBytes += this.#chunk.length;
    this.#chunk = takeChunk();
    this.#position = 0;
  }
}

/** Throws at what is no number, as a producer may hand it in: Prometheus refuses a scrape with one such line. */
export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  if (typeof value !== "number") throw new TypeError(`a value is ${typeof value}`);
  return String(value);
}
