// Whose trace and request id are taken: those of all senders, or what a sender is trusted with.
import { type Context, ROOT_CONTEXT, type TextMapGetter, propagation, trace } from "@opentelemetry/api";
import { requestIdOrigin, setRequestIdOrigin } from "../src/context/request-id.ts";
import { addSender } from "../src/context/sender.ts";
import { createNetworkTest } from "../src/network.ts";
import type { InstrumentationHost } from "./instrumentation.ts";

export interface Trust {
  /** By the address of the connection, never by a header. */
  isTrusted(address: string): boolean;
  /** Whether callers of this host are that have no address. */
  readonly isLocalTrusted: boolean;
  /** What is taken of a sender who is not: REDTRAIL_REQUEST_ID_TRUST and REDTRAIL_PROPAGATION_EXTRACT say. */
  extract<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>): Context;
}

/** Undefined where everybody is. */
export function createTrust({
  requestId,
  propagation: { untrustedTraces, trustedCidrs },
}: Pick<InstrumentationHost, "requestId" | "propagation">): Trust | undefined {
  const { trust, headers } = requestId;
  if (trust === "accept" && untrustedTraces === "continue") return undefined;
  const isOther = (key: string): boolean => !headers.includes(key);
  const isTaken = (key: string): boolean => trust === "accept" && headers.includes(key);

  function extract<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>): Context {
    if (untrustedTraces === "continue") return read(carrier, getter, isOther);
    const ours = read(carrier, getter, isTaken);
    const theirs = untrustedTraces === "restart" ? trace.getSpanContext(read(carrier, getter, isOther)) : undefined;
    return theirs === undefined ? ours : addSender(ours, { links: [{ context: theirs }] });
  }
  return {
    isTrusted: trust === "never" ? () => false : createNetworkTest(trustedCidrs),
    isLocalTrusted: trust !== "never",
    extract: (carrier, getter) => withoutOrigin(extract(carrier, getter)),
  };
}

/** As if the carrier had only some headers. */
function read<Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>, isShown: (key: string) => boolean): Context {
  return propagation.extract(ROOT_CONTEXT, carrier, {
    get: (from, key) => (isShown(key) ? getter.get(from, key) : undefined),
    keys: (from) => getter.keys(from).filter(isShown),
  });
}

/** Whoever knows an id must not get into its trace: an id of a caller who is not trusted is not looked for in shared storage. */
function withoutOrigin(context: Context): Context {
  return requestIdOrigin(context) === undefined ? context : setRequestIdOrigin(context, undefined);
}
