// What a SERVER span begins with.
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
import type { IncomingHttpHeaders } from "node:http";
import type { Attributes } from "@opentelemetry/api";
import { plainAddress } from "../../src/network.ts";
import { ATTR } from "../../src/semconv.ts";
import type { Connection } from "./extract.ts";
import { parseAuthority } from "./host.ts";
import { knownMethod } from "./method.ts";

/** What a request begins with, in any version of HTTP. */
export interface RequestLine {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Path and query; the absolute form of proxies, or `*` (RFC 9112, 3.2). */
  readonly target: string;
  /** Host and port. */
  readonly authority: string | undefined;
  readonly protocolVersion: string;
}

export function serverAttributes(
  { method, scheme, target, authority, protocolVersion }: RequestLine,
  headers: IncomingHttpHeaders,
  { remoteAddress, remotePort }: Connection,
): Attributes {
  const attributes: Attributes = {
    [ATTR.requestMethod]: knownMethod(method),
    [ATTR.urlScheme]: scheme,
    [ATTR.networkProtocolVersion]: protocolVersion,
  };
  if (attributes[ATTR.requestMethod] !== method) attributes[ATTR.requestMethodOriginal] = method;
  setTarget(attributes, target);
  if (authority !== undefined) {
    const { host, port } = parseAuthority(authority);
    attributes[ATTR.serverAddress] = host;
    attributes[ATTR.serverPort] = port ?? (scheme === "https" ? 443 : 80);
  }
  if (remoteAddress !== undefined) {
    const address = plainAddress(remoteAddress);
    attributes[ATTR.clientAddress] = address;
    attributes[ATTR.networkPeerAddress] = address;
    attributes[ATTR.networkPeerPort] = remotePort;
  }
  if (headers["user-agent"] !== undefined) attributes[ATTR.userAgent] = headers["user-agent"];
  return attributes;
}

function setTarget(attributes: Attributes, target: string): void {
  let path = target;
  if (!target.startsWith("/") && target.includes("://")) {
    const slash = target.indexOf("/", target.indexOf("://") + 3);
    path = slash < 0 ? "/" : target.slice(slash);
  }
  const question = path.indexOf("?");
  attributes[ATTR.urlPath] = question < 0 ? path : path.slice(0, question);
  if (question >= 0) attributes[ATTR.urlQuery] = path.slice(question + 1);
}
