// Texts as bytes: where queued items lie, and bodies made of them.

const CHUNK_BYTES = 65_536;
/** Larger texts get memory of their own, so that little of a chunk is left unused. */
const MAX_SHARED_LENGTH = 4_096;
/** Of UTF-8, for each UTF-16 code unit at most. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * Writes texts one after another into memory of its own. Not `Buffer.from(text)`: that takes small ones from a pool which it
 * shares with the app, where one item that waits keeps the 8 KB around it.
 */
export class TextArena {
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #used = 0;

  write(text: string): Buffer {
    if (text.length > MAX_SHARED_LENGTH) {
      const own = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
      own.write(text);
      return own;
    }
    if (this.#used + text.length * MAX_BYTES_PER_UNIT > CHUNK_BYTES) {
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#chunk.write(text, start);
    return this.#chunk.subarray(start, this.#used);
  }
}

/** One buffer of all, with `separator` between them, between `start` and `end`. */
export function joinBuffers(items: readonly Buffer[], start: string, separator: string, end: string): Buffer {
  let size = start.length + end.length + separator.length * Math.max(0, items.length - 1);
  for (const item of items) size += item.length;
  const joined = Buffer.allocUnsafe(size);
  let at = joined.write(start, 0, "latin1");
  for (const [index, item] of items.entries()) {
    if (index > 0) at += joined.write(separator, at, "latin1");
    at += item.copy(joined, at);
  }
  joined.write(end, at, "latin1");
  return joined;
}
