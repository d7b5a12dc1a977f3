// How a new request id is made, and what an id that came from outside must look like.
import type { RequestIdFormat } from "../config/config.ts";
import { randomHex } from "../random-hex.ts";

/**
 * Replaced, never repaired, is what does not match: stripping or cutting would let two callers' ids collide.
 * The alphabet holds UUID, ULID, hex, base64(url), W3C and AWS forms, and nothing that a log line, a header or HTML minds.
 */
const VALID = /^[A-Za-z0-9._~+/=:@|-]{1,128}$/;

/** The first valid id in a header's value (`a, b` is what Node makes of a header that came twice), or undefined. */
export function validRequestId(value: unknown): string | undefined {
  const text: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof text !== "string") return undefined;
  if (VALID.test(text)) return text;
  return text
    .split(",", 8)
    .map((token) => token.trim())
    .find((token) => VALID.test(token));
}

const VARIANT: Record<string, string> = {};
for (let nibble = 0; nibble < 16; nibble++) VARIANT[nibble.toString(16)] = (8 + (nibble & 3)).toString(16);

/** RFC 9562: version in the first digit of the third group, variant in the first of the fourth. */
function uuid(version: "4" | "7", time: string): string {
  const random = randomHex(31 - time.length);
  const head = time + random.slice(0, 12 - time.length);
  const tail = random.slice(12 - time.length);
  return `${head.slice(0, 8)}-${head.slice(8)}-${version}${tail.slice(0, 3)}-${VARIANT[tail[3] as string]}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}

/** Generators by REDTRAIL_REQUEST_ID_FORMAT. `traceid` has none: the id is the trace's (see context/request-id.ts). */
export const REQUEST_ID_GENERATORS: Record<RequestIdFormat, (() => string) | undefined> = {
  uuid7: () => uuid("7", Date.now().toString(16).padStart(12, "0")),
  uuid4: () => uuid("4", ""),
  hex32: () => randomHex(32),
  traceid: undefined,
};
