// Bytes that RabbitMQ's message takes for its properties, of which headers are a table: they have to go into one frame.
// https://www.rabbitmq.com/amqp-0-9-1-errata#section_3

/** A frame's own, the class, the length of the body, the flags. */
const FRAME_OVERHEAD = 22;
/** Tables within tables; amqplib itself ends at some thousand. */
const MAX_DEPTH = 100;

/** Of the frame, or more; Infinity where there is something that cannot be sized. */
export function propertiesSize(properties: Readonly<Record<string, unknown>>): number {
  let size = FRAME_OVERHEAD;
  for (const name in properties) {
    const value = properties[name];
    if (typeof value === "string") size += 1 + Buffer.byteLength(value);
    else if (typeof value === "number") size += 8;
    else if (value !== undefined && value !== null) size += tableSize(value, 0);
  }
  return size;
}

function tableSize(table: object, depth: number): number {
  if (depth > MAX_DEPTH) return Infinity;
  let size = 4;
  // amqplib takes what is inherited too, and leaves out what is undefined.
  for (const name in table) {
    const value: unknown = table[name as never];
    if (value !== undefined) size += 1 + Buffer.byteLength(name) + valueSize(value, depth);
  }
  return size;
}

/** With the byte that tells its type. */
function valueSize(value: unknown, depth: number): number {
  if (value === null) return 1;
  if (typeof value === "string") return 5 + Buffer.byteLength(value);
  if (typeof value === "number") return numberSize(value);
  if (typeof value === "boolean") return 2;
  if (typeof value !== "object") return Infinity;
  // `{ "!": "timestamp", value: 1 }`: of a type that JavaScript does not have.
  if (Object.hasOwn(value, "!")) return typedSize(value as { readonly "!": unknown; readonly value?: unknown }, depth);
  if (Buffer.isBuffer(value)) return 5 + value.length;
  if (!Array.isArray(value)) return 1 + tableSize(value, depth + 1);
  if (depth >= MAX_DEPTH) return Infinity;
  let size = 5;
  for (const one of value) size += valueSize(one, depth + 1);
  return size;
}

/** amqplib takes the shortest type that there is. */
function numberSize(value: number): number {
  if (!Number.isInteger(value) || value >= 2 ** 31 || value < -(2 ** 31)) return 9;
  if (value >= 2 ** 15 || value < -(2 ** 15)) return 5;
  return value >= 2 ** 7 || value < -(2 ** 7) ? 3 : 2;
}

function typedSize({ "!": type, value }: { readonly "!": unknown; readonly value?: unknown }, depth: number): number {
  if (type === "string" && typeof value === "string") return valueSize(value, depth);
  if (type === "object" && depth < MAX_DEPTH) return valueSize(value, depth + 1);
  // All others have eight bytes or less.
  return type === "string" || type === "object" ? Infinity : 9;
}
