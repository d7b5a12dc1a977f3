// The headers of a NATS message, as records and back. Their keys mind case, and each has a list of values.
import type { MessageHeaders } from "../../src/messaging/headers.ts";

export interface MsgHdrs extends Iterable<[key: string, values: string[]]> {
  readonly code: number;
  readonly description: string;
  append(key: string, value: string): void;
}

/** The library's own function `headers`. */
export type MakeHeaders = (code?: number, description?: string) => MsgHdrs;

export function toRecord(headers: MsgHdrs | undefined): MessageHeaders {
  const record: MessageHeaders = {};
  if (headers === undefined) return record;
  for (const [key, values] of headers) record[key] = values.length === 1 ? values[0] : values;
  return record;
}

/** The app's own headers stay as they are: what is sent is a new object, with its status if it has one. */
export function fromRecord(make: MakeHeaders, record: MessageHeaders, own: MsgHdrs | undefined): MsgHdrs {
  const headers = own === undefined || own.code === 0 ? make() : make(own.code, own.description);
  for (const [key, value] of Object.entries(record)) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(key, String(one));
  }
  return headers;
}
