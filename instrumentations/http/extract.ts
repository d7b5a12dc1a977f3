// What an incoming request may say of its trace and its id: all of it, or what its sender is trusted with.
import type { IncomingHttpHeaders } from "node:http";
import { type Context, ROOT_CONTEXT, type TextMapGetter, propagation } from "@opentelemetry/api";
import type { InstrumentationHost } from "../instrumentation.ts";
import { createTrust } from "../trust.ts";

/** What is known of who has sent it. A Unix socket has no address; one that its client has reset has only ours any more. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}
export type Extract = (headers: IncomingHttpHeaders, socket: Connection) => Context;

/** Node has joined repeated headers, and has made the keys lower case. */
const GETTER: TextMapGetter<IncomingHttpHeaders> = {
  get: (headers, key) => headers[key],
  keys: (headers) => Object.keys(headers),
};

/** A connection without any address (a Unix socket) is of this host. */
export function createExtract(host: Pick<InstrumentationHost, "requestId" | "propagation">): Extract {
  const trust = createTrust(host);
  const extractAll = (headers: IncomingHttpHeaders): Context => propagation.extract(ROOT_CONTEXT, headers, GETTER);
  if (trust === undefined) return extractAll;
  const isTrusted = ({ remoteAddress, localAddress }: Connection): boolean =>
    remoteAddress === undefined ? localAddress === undefined && trust.isLocalTrusted : trust.isTrusted(remoteAddress);
  return (headers, socket) => (isTrusted(socket) ? extractAll(headers) : trust.extract(headers, GETTER));
}
