// Bodies out of items: bytes that are copied once.

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
