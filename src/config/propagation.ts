// Reads the settings of propagation and of the request id.
import { isIP } from "node:net";
import type { PropagationConfig, RequestIdConfig, RequestIdFormat, RequestIdTrust, UntrustedTraces } from "./config.ts";
import { HEADER_NAME, type SettingReader, readMembers } from "./reader.ts";
import { DEFAULT_TRUSTED_CIDRS, SETTINGS } from "./settings.ts";

/** Headers that mean something else: with an id in its place the request, or the answer, would be broken. */
const TAKEN =
  /^(?:traceparent|tracestate|baggage|b3|host|cookie|set-cookie|authorization|connection|date|te|trailer|upgrade|(?:content|transfer|proxy|accept)(?:-.*)?)$/i;

export function readRequestId(reader: SettingReader): RequestIdConfig {
  const name = "REDTRAIL_REQUEST_ID_HEADERS";
  const parse = (text: string): string | undefined =>
    HEADER_NAME.test(text) && !TAKEN.test(text) ? text.toLowerCase() : undefined;
  const headers = [...new Set(readMembers(reader, name, parse, "a header that may hold an id"))];
  return {
    format: reader.get("REDTRAIL_REQUEST_ID_FORMAT") as RequestIdFormat,
    echo: reader.get("REDTRAIL_REQUEST_ID_ECHO") as boolean,
    headers: headers.length === 0 ? (SETTINGS.get(name)?.default ?? "").split(",") : headers,
    trust: reader.get("REDTRAIL_REQUEST_ID_TRUST") as RequestIdTrust,
  };
}

export function readPropagation(reader: SettingReader): PropagationConfig {
  const name = "REDTRAIL_TRUSTED_CIDRS";
  const isSet = reader.isSet(name);
  return {
    // Nobody is trusted rather than everybody when all that was set is no network.
    trustedCidrs: isSet ? readMembers(reader, name, parseCidr, "a network such as 10.0.0.0/8") : DEFAULT_TRUSTED_CIDRS,
    untrustedTraces: reader.get("REDTRAIL_PROPAGATION_EXTRACT") as UntrustedTraces,
    targets: readMembers(reader, "REDTRAIL_PROPAGATION_TARGETS", parseTarget, "a host, or host:port"),
    serverTiming: reader.get("REDTRAIL_SERVER_TIMING") as boolean,
    responseTime: reader.get("REDTRAIL_RESPONSE_TIME") as boolean,
  };
}

/** `api.`, `[::1]:8080`: as tests for hosts have them, `api` and `::1:8080`. */
function parseTarget(text: string): string | undefined {
  const plain = text
    .toLowerCase()
    .replace(/^\[(.*)\]/, "$1")
    .replace(/\.(?=:\d+$|$)/, "");
  return plain === "" || /[/[\]@?#\s]/.test(plain) ? undefined : plain;
}

/** `10.0.0.0/8`, `::1`; an address alone is a network of one. */
function parseCidr(text: string): string | undefined {
  const [address = "", bits, more] = text.split("/", 3);
  const version = isIP(address);
  if (version === 0 || more !== undefined) return undefined;
  const longest = version === 4 ? 32 : 128;
  if (bits === undefined) return `${address}/${longest}`;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? text : undefined;
}
