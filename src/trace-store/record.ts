// What is kept of a request in shared storage: its key, and its trace as a line of text.
//
//   redtrail:v1:default:019ac4e2-7c1f-7d1e-a5c0-3a3f2b1c4d5e
//   1;00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03;checkout
//
// With a secret the key has an HMAC in place of the request id, and the line ends with one: `;<22 characters>`.
import { type KeyObject, createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

export interface StoredTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
  /** Whether the trace id is known to be random (W3C Trace Context level 2). */
  readonly isRandom: boolean;
  /** Whose span it is; "" where its name is none that we take. */
  readonly service: string;
}

/** Bytes of a record; what is longer is none of ours. */
export const MAX_RECORD_BYTES = 256;

const RECORD = /^1;00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-0([0-3]);([\w.:/@-]{0,128})(?:;([\w-]{22}))?$/;
const SERVICE = /^[\w.:/@-]{1,128}$/;
const SIGNATURE_BYTES = 16;
const SAMPLED = 1;
const RANDOM = 2;

export interface RecordCodec {
  key(requestId: string): string;
  encode(key: string, trace: StoredTrace): string;
  /** Undefined for what is not a record, or is not of who has the secret. */
  decode(key: string, record: string): StoredTrace | undefined;
}

/** Request ids have 128 characters at most, so keys are bounded. */
export function createRecordCodec(namespace: string, secret: string | undefined): RecordCodec {
  const prefix = `redtrail:v1:${namespace}:`;
  if (secret === undefined) {
    return {
      key: (requestId) => prefix + requestId,
      encode: (_key, trace) => textOf(trace),
      decode: (_key, record) => parse(record)?.trace,
    };
  }
  const keys = { id: derive(secret, "key"), record: derive(secret, "record") };
  const sign = (key: string, text: string): Buffer =>
    createHmac("sha256", keys.record).update(`${key}\n${text}`).digest().subarray(0, SIGNATURE_BYTES);
  return {
    key: (requestId) => prefix + createHmac("sha256", keys.id).update(requestId).digest("base64url"),
    encode(key, trace) {
      const text = textOf(trace);
      return `${text};${sign(key, text).toString("base64url")}`;
    },
    decode(key, record) {
      const parsed = parse(record);
      if (parsed?.signature === undefined) return undefined;
      const signed = record.slice(0, record.length - parsed.signature.length - 1);
      const isOurs = timingSafeEqual(Buffer.from(parsed.signature, "base64url"), sign(key, signed));
      return isOurs ? parsed.trace : undefined;
    },
  };
}

/** Two uses, two keys: what one shows says nothing of the other. */
function derive(secret: string, use: string): KeyObject {
  return createSecretKey(createHmac("sha256", secret).update(`redtrail trace store ${use}`).digest());
}

function textOf({ traceId, spanId, isSampled, isRandom, service }: StoredTrace): string {
  const flags = (isSampled ? SAMPLED : 0) | (isRandom ? RANDOM : 0);
  return `1;00-${traceId}-${spanId}-0${flags};${SERVICE.test(service) ? service : ""}`;
}

function parse(record: string): { trace: StoredTrace; signature: string | undefined } | undefined {
  const match = RECORD.exec(record);
  if (match === null) return undefined;
  const [, traceId = "", spanId = "", digit, service = "", signature] = match;
  const flags = Number(digit);
  const trace = { traceId, spanId, isSampled: (flags & SAMPLED) !== 0, isRandom: (flags & RANDOM) !== 0, service };
  return { trace, signature };
}
