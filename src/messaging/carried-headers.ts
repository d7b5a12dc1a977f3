// The headers in a message of NATS, MQTT, BullMQ or a Redis stream, as its library has given it to the app.
import type { MessageHeaders } from "./headers.ts";

/**
 * - NATS: a message, or its headers: anything that is iterated as pairs of name and value (a Map, fetch's Headers);
 * - MQTT: a packet, with its user properties;
 * - BullMQ: a job, with the metadata of its telemetry;
 * - Redis streams: an entry, `{ id, message: { name: value } }` of node-redis, `[id, [name, value, ...]]` of ioredis; or its fields.
 *
 * Undefined for what is none of them.
 */
export function carriedHeaders(message: object): MessageHeaders | undefined {
  if (Array.isArray(message)) return fieldsOf(message);
  if (isIterable(message)) return fromPairs(message);
  const { headers, properties, opts, message: fields, id } = message as Readonly<Record<string, unknown>>;
  if (isIterable(headers)) return fromPairs(headers);
  const userProperties = memberOf(properties, "userProperties");
  if (isRecord(userProperties)) return userProperties;
  const metadata = memberOf(memberOf(opts, "telemetry"), "metadata");
  if (typeof metadata === "string") return fromJson(metadata);
  return id !== undefined && isRecord(fields) ? fields : undefined;
}

/** `["item", "7", "traceparent", "00-..."]`, or an entry that has such a list. */
function fieldsOf(list: readonly unknown[]): MessageHeaders | undefined {
  const [, fields] = list;
  if (list.length === 2 && Array.isArray(fields)) return fieldsOf(fields);
  if (list.length === 2 && isRecord(fields)) return fields;
  const headers: MessageHeaders = {};
  for (let index = 0; index + 1 < list.length; index += 2) headers[String(list[index])] = list[index + 1];
  return headers;
}

function fromPairs(pairs: Iterable<unknown>): MessageHeaders | undefined {
  const headers: MessageHeaders = {};
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string") return undefined;
    headers[pair[0]] = pair[1];
  }
  return headers;
}

function fromJson(text: string): MessageHeaders | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function isRecord(value: unknown): value is MessageHeaders {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return value !== null && typeof value === "object" && Symbol.iterator in value && !(value instanceof Uint8Array);
}
