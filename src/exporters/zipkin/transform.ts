// Writes a span as Zipkin v2 JSON (specification: trace/sdk_exporters/zipkin.md).
//
// The text is put together by hand, which costs about half of building objects for JSON.stringify. Tags are the most of it:
// each is written as `","key":"value`, with the quote that closes the one before, so that it takes two concatenations.

import { isIP } from "node:net";
import { SpanKind, SpanStatusCode, type Attributes, type HrTime, type Link, type SpanStatus } from "@opentelemetry/api";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace";
import { ATTR, ERROR_TYPE } from "../../semconv.ts";

/** Returns the JSON text of one span. Never throws. */
export type ZipkinEncoder = (span: ReadableSpan) => string;

const KIND: Record<SpanKind, string> = {
  [SpanKind.INTERNAL]: "",
  [SpanKind.SERVER]: ',"kind":"SERVER"',
  [SpanKind.CLIENT]: ',"kind":"CLIENT"',
  [SpanKind.PRODUCER]: ',"kind":"PRODUCER"',
  [SpanKind.CONSUMER]: ',"kind":"CONSUMER"',
};

/** Who is at the other end, best first, each with its port attribute (the specification's list and its newest name). */
const REMOTE: readonly (readonly [address: string, port?: string])[] = [
  ["service.peer.name"],
  ["peer.service"],
  [ATTR.serverAddress, ATTR.serverPort],
  ["net.peer.name", "net.peer.port"],
  [ATTR.networkPeerAddress, ATTR.networkPeerPort],
  ["server.socket.domain"],
  ["server.socket.address", "server.socket.port"],
  ["net.sock.peer.name"],
  ["net.sock.peer.addr", "net.sock.peer.port"],
  ["peer.hostname"],
  ["peer.address"],
  ["db.name"],
  ["db.namespace"],
];

/** `server.*`, `net.peer.name` and the database of a SERVER span are this process itself. */
const REMOTE_OF_SERVER: readonly (readonly [address: string, port?: string])[] = [
  ["service.peer.name"],
  ["peer.service"],
  [ATTR.networkPeerAddress, ATTR.networkPeerPort],
  ["net.sock.peer.name"],
  ["net.sock.peer.addr", "net.sock.peer.port"],
  ["peer.hostname"],
  ["peer.address"],
];

/** Keys and addresses repeat; each cache is emptied when it holds this many, so that traffic cannot grow it. */
const MAX_CACHED = 1_000;

/** A key whose tag may be written by us; it stands in the cache in place of the fragment `","key":"`. */
const OURS = "";

export function createZipkinEncoder(resourceAttributes: Attributes): ZipkinEncoder {
  const localEndpoint = `,"localEndpoint":{"serviceName":${quote(serviceNameOf(resourceAttributes))}}`;
  const resourceTags = tagsOfResource(resourceAttributes);
  const scopes = new WeakMap<ReadableSpan["instrumentationScope"], string>();

  function encode(span: ReadableSpan): string {
    const { attributes } = span;
    let json = head(span) + localEndpoint + remoteEndpoint(span.kind, attributes);
    if (span.events.length > 0) json += annotations(span.events);
    let scope = scopes.get(span.instrumentationScope);
    if (scope === undefined) scopes.set(span.instrumentationScope, (scope = tagsOfScope(span.instrumentationScope)));
    json += tagsOfStatus(span.status, attributes[ATTR.errorType]) + tagsOfAttributes(span) + scope;
    if (isEntry(span)) json += unlessIn(attributes, resourceTags);
    if (span.links.length > 0) json += tagsOfLinks(span.links);
    return `${json}${tagsOfDropped(span)}"}}`;
  }

  return function encodeZipkinSpan(span) {
    try {
      return encode(span);
    } catch {
      // An attribute that throws when it is read. The span without attributes is worth more than no span.
      return `${head(span)}${localEndpoint}${tagsOfStatus(span.status, undefined)}"}}`;
    }
  };
}

/** A trace that a peer with ids of 64 bits (B3) has begun: as that peer writes its id, or Zipkin shows two traces. */
const ZERO_HALF = "0".repeat(16);

/** `{"traceId":"..","id":"..","parentId":"..","kind":"SERVER","name":"..","timestamp":1,"duration":1`; no bracket at its end. */
function head(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  let json = `{"traceId":"${traceId.startsWith(ZERO_HALF) ? traceId.slice(16) : traceId}","id":"${spanId}"`;
  if (span.parentSpanContext !== undefined) json += `,"parentId":"${span.parentSpanContext.spanId}"`;
  json += KIND[span.kind] ?? "";
  if (span.name !== "") json += `,"name":"${tagText(span.name)}"`;
  const timestamp = toMicros(span.startTime);
  const duration = toMicros(span.duration);
  if (timestamp > 0) json += `,"timestamp":${timestamp}`;
  return `${json},"duration":${duration > 0 ? duration : 1}`;
}

/** Zipkin refuses a whole request for one fraction; 0 stands for a time that is no time. */
function toMicros(time: HrTime): number {
  const micros = Math.round(time[0] * 1e6 + time[1] / 1e3);
  return Number.isSafeInteger(micros) ? micros : 0;
}

/** No parent, or a parent in another process. */
function isEntry(span: ReadableSpan): boolean {
  return span.parentSpanContext === undefined || span.parentSpanContext.isRemote === true;
}

/** The first tags: `,"tags":{"outcome":"failure","otel.status_code":"ERROR","error":"boom`. */
function tagsOfStatus(status: SpanStatus, errorType: unknown): string {
  if (status.code === SpanStatusCode.ERROR) {
    const error = status.message === undefined ? "" : tagText(status.message);
    return `,"tags":{"outcome":"failure","otel.status_code":"ERROR","error":"${error}`;
  }
  let outcome = "success";
  if (errorType === ERROR_TYPE.clientAborted) outcome = "aborted";
  else if (errorType === ERROR_TYPE.cancelled) outcome = "cancelled";
  return `,"tags":{"outcome":"${outcome}${status.code === SpanStatusCode.OK ? '","otel.status_code":"OK' : ""}`;
}

const keyFragments = new Map<string, string>();

function keyFragment(key: string): string {
  const known = keyFragments.get(key);
  if (known !== undefined) return known;
  if (keyFragments.size >= MAX_CACHED) keyFragments.clear();
  const fragment = isOurs(key) ? OURS : openTag(key);
  keyFragments.set(key, fragment);
  return fragment;
}

/** `","key":"`. */
function openTag(key: string): string {
  return `","${escaped(key)}":"`;
}

function isOurs(key: string): boolean {
  return key === "error" || key === "outcome" || key.startsWith("otel.");
}

function tagsOfAttributes({ attributes, status, instrumentationScope }: ReadableSpan): string {
  let json = "";
  for (const key in attributes) {
    const value: unknown = attributes[key];
    if (value === undefined || value === null) continue;
    let fragment = keyFragment(key);
    if (fragment === OURS) {
      if (isTaken(key, value, status.code, instrumentationScope)) continue;
      fragment = openTag(key);
    }
    json = json + fragment + tagText(value);
  }
  return json;
}

/** JSON must not have a key twice. `error` without an ERROR status stays unless it says false: Zipkin reads any as true. */
function isTaken(
  key: string,
  value: unknown,
  code: SpanStatusCode,
  scope: ReadableSpan["instrumentationScope"],
): boolean {
  if (key === "error") return code === SpanStatusCode.ERROR || value === false || value === "false";
  if (key === "outcome") return true;
  if (key === "otel.status_code") return code !== SpanStatusCode.UNSET;
  if (key === "otel.scope.name") return scope.name !== "";
  if (key === "otel.scope.version") return scope.version !== undefined && scope.version !== "";
  return key.startsWith("otel.dropped_") || key.startsWith("otel.link.");
}

function tagsOfScope({ name, version }: ReadableSpan["instrumentationScope"]): string {
  const nameTag = name === "" ? "" : `","otel.scope.name":"${escaped(name)}`;
  return version === undefined || version === "" ? nameTag : `${nameTag}","otel.scope.version":"${escaped(version)}`;
}

interface ResourceTags {
  readonly keys: readonly string[];
  readonly fragments: readonly string[];
  readonly all: string;
}

/** Of no help to who looks at one trace, and half of its bytes; `target_info` has them. `service.name` is in localEndpoint. */
const NOT_IN_TRACES = /^(service\.name$|telemetry\.|os\.|host\.arch$|process\.(executable|runtime)\.)/;

function tagsOfResource(attributes: Attributes): ResourceTags {
  const keys = Object.keys(attributes).filter(
    (key) => attributes[key] != null && !NOT_IN_TRACES.test(key) && !isOurs(key),
  );
  const fragments = keys.map((key) => openTag(key) + tagText(attributes[key]));
  return { keys, fragments, all: fragments.join("") };
}

/** A span's own attribute wins over the resource's of the same key; it is rare that there is one. */
function unlessIn(attributes: Attributes, { keys, fragments, all }: ResourceTags): string {
  for (const key of keys) {
    if (attributes[key] == null) continue;
    return fragments.filter((_, index) => attributes[keys[index] as string] == null).join("");
  }
  return all;
}

/** `","otel.link.0":"{\"traceId\":\"..\",\"spanId\":\"..\",\"attributes\":{..}}"`; the specification leaves the form open. */
function tagsOfLinks(links: readonly Link[]): string {
  let json = "";
  for (const [index, { context, attributes }] of links.entries()) {
    const link = { traceId: context.traceId, spanId: context.spanId, attributes };
    json += `","otel.link.${index}":"${escaped(toJson(link))}`;
  }
  return json;
}

/** Names: specification, common/mapping-to-non-otlp.md. */
function tagsOfDropped(span: ReadableSpan): string {
  let json = "";
  if (span.droppedAttributesCount > 0) json += `","otel.dropped_attributes_count":"${span.droppedAttributesCount}`;
  if (span.droppedEventsCount > 0) json += `","otel.dropped_events_count":"${span.droppedEventsCount}`;
  if (span.droppedLinksCount > 0) json += `","otel.dropped_links_count":"${span.droppedLinksCount}`;
  return json;
}

/** An event with attributes becomes `"exception": {"exception.type":"RangeError"}`, one without becomes its name. */
function annotations(events: readonly TimedEvent[]): string {
  const parts: string[] = [];
  for (const { time, name, attributes, droppedAttributesCount } of events) {
    const dropped = droppedAttributesCount ? { "otel.dropped_attributes_count": droppedAttributesCount } : {};
    const details = toJson({ ...attributes, ...dropped });
    const value = details === "{}" ? name : `${JSON.stringify(name)}: ${details}`;
    parts.push(`{"timestamp":${toMicros(time)},"value":"${escaped(value)}"}`);
  }
  return `,"annotations":[${parts.join(",")}]`;
}

const addressFragments = new Map<string, string>();

function remoteEndpoint(kind: SpanKind, attributes: Attributes): string {
  if (kind === SpanKind.INTERNAL) return "";
  const ranking = kind === SpanKind.SERVER ? REMOTE_OF_SERVER : REMOTE;
  for (const [addressKey, portKey] of ranking) {
    const address = attributes[addressKey];
    if (typeof address !== "string" || address === "") continue;
    const fragment = addressFragment(address);
    const isName = fragment.startsWith('"s');
    const port = isName || portKey === undefined ? 0 : Number(attributes[portKey]);
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
    return `,"remoteEndpoint":{${fragment}${isPort ? `,"port":${port}` : ""}}`;
  }
  return "";
}

/** `"serviceName":"db.example"` or `"ipv4":"10.0.0.1"` or `"ipv6":"2001:db8::1"`. */
function addressFragment(address: string): string {
  const known = addressFragments.get(address);
  if (known !== undefined) return known;
  if (addressFragments.size >= MAX_CACHED) addressFragments.clear();
  // [::1] as in a URL, fe80::1%eth0 with its zone, ::ffff:10.0.0.1 from a dual-stack socket.
  const bare = address
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/%.*$/, "")
    .replace(/^::ffff:(?=[\d.]+$)/i, "");
  const version = isIP(bare);
  const fragment = version === 0 ? `"serviceName":${quote(address)}` : `"ipv${version}":"${bare}"`;
  addressFragments.set(address, fragment);
  return fragment;
}

function serviceNameOf(resourceAttributes: Attributes): string {
  const name = resourceAttributes["service.name"];
  return typeof name === "string" && name !== "" ? name : "unknown_service:node";
}

/** Primitives as they are; all else as JSON text; without quotes around it. */
function tagText(value: unknown): string {
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return escaped(value instanceof Uint8Array ? toBase64(value) : toJson(value));
}

/** Anything but what stands for itself: a control character, a quote, a backslash, a surrogate. */
const NEEDS_ESCAPE = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** As it stands in a JSON string. Half of a surrogate pair becomes U+FFFD, because not every JSON parser takes its escape. */
function escaped(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text.toWellFormed()).slice(1, -1) : text;
}

function quote(text: string): string {
  return `"${escaped(text)}"`;
}

/** JSON of any value; of one that has none (circular, a getter that throws) the place holder is better than no span. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, replaceUnserializable) ?? String(value);
  } catch {
    return "[unserializable]";
  }
}

function replaceUnserializable(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  // A Buffer comes here as the result of its toJSON().
  const original: unknown = (this as Record<string, unknown>)[key];
  return original instanceof Uint8Array ? toBase64(original) : value;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
