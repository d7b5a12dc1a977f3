// What an incoming request may say of its trace and its id: all of it, or what its sender is trusted with.
import type { IncomingHttpHeaders } from "node:http";
import { type Context, ROOT_CONTEXT, type TextMapGetter, propagation, trace } from "@opentelemetry/api";
import { requestIdOrigin, setRequestIdOrigin } from "../../src/context/request-id.ts";
import { addSender } from "../../src/context/sender.ts";
import { createNetworkTest } from "../../src/network.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

type Getter = TextMapGetter<IncomingHttpHeaders>;
/** What is known of who has sent it. A Unix socket has no address; one that its client has reset has only ours any more. */
export interface Connection {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}
export type Extract = (headers: IncomingHttpHeaders, socket: Connection) => Context;

/** Node has joined repeated headers, and has made the keys lower case. */
const ALL: Getter = { get: (headers, key) => headers[key], keys: (headers) => Object.keys(headers) };

/**
 * Trust goes by the address of the connection, never by a header: a connection without any (a Unix socket) is of this host.
 * What is taken of those who are not trusted, REDTRAIL_REQUEST_ID_TRUST and REDTRAIL_PROPAGATION_EXTRACT say.
 */
export function createExtract({
  requestId,
  propagation: settings,
}: Pick<InstrumentationHost, "requestId" | "propagation">): Extract {
  const { trust, headers: idHeaders } = requestId;
  const { untrustedTraces, trustedCidrs } = settings;
  if (trust === "accept" && untrustedTraces === "continue") return (headers) => extract(headers, ALL);

  const isInside = createNetworkTest(trustedCidrs);
  const isTrusted = (socket: Connection): boolean => {
    if (trust === "never") return false;
    const { remoteAddress } = socket;
    return remoteAddress === undefined ? socket.localAddress === undefined : isInside(remoteAddress);
  };
  const isIdHeader = (key: string): boolean => idHeaders.includes(key);
  const withoutIds = getterOf((key) => !isIdHeader(key));
  const ids = trust === "accept" ? getterOf(isIdHeader) : getterOf(() => false);

  const extractUntrusted: Record<typeof untrustedTraces, (headers: IncomingHttpHeaders) => Context> = {
    continue: (headers) => extract(headers, withoutIds),
    ignore: (headers) => extract(headers, ids),
    restart: (headers) => {
      const theirs = trace.getSpanContext(extract(headers, withoutIds));
      const ours = extract(headers, ids);
      return theirs === undefined ? ours : addSender(ours, { links: [{ context: theirs }] });
    },
  };
  return (headers, socket) =>
    isTrusted(socket) ? extract(headers, ALL) : withoutOrigin(extractUntrusted[untrustedTraces](headers));
}

function extract(headers: IncomingHttpHeaders, getter: Getter): Context {
  return propagation.extract(ROOT_CONTEXT, headers, getter);
}

/** Whoever knows an id must not get into its trace: an id of a caller who is not trusted is not looked for in shared storage. */
function withoutOrigin(context: Context): Context {
  return requestIdOrigin(context) === undefined ? context : setRequestIdOrigin(context, undefined);
}

/** Shows only some headers. */
function getterOf(isShown: (key: string) => boolean): Getter {
  return {
    get: (headers, key) => (isShown(key) ? headers[key] : undefined),
    keys: (headers) => Object.keys(headers).filter(isShown),
  };
}
