// The attributes of who is on the other side of a connection, where a library knows it.
// https://opentelemetry.io/docs/specs/semconv/general/attributes/#server-client-and-shared-network-attributes
import type { Attributes } from "@opentelemetry/api";
import { ATTR } from "../src/semconv.ts";

/** As the app names the server; ports may be texts, and 0 is none. */
export function serverAttributes(address: string | undefined, port?: unknown): Attributes {
  return pair(ATTR.serverAddress, address, ATTR.serverPort, port);
}

/** As the socket names it. */
export function peerAttributes(address: string | undefined, port?: unknown): Attributes {
  return pair(ATTR.networkPeerAddress, address, ATTR.networkPeerPort, port);
}

function pair(addressKey: string, address: string | undefined, portKey: string, port: unknown): Attributes {
  const attributes: Attributes = {};
  if (address === undefined) return attributes;
  attributes[addressKey] = address;
  const number = Number(port);
  if (number > 0) attributes[portKey] = number;
  return attributes;
}
