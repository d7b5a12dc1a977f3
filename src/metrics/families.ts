// Which metric counts a span, and with which labels: the semantic conventions' families, by kind and attributes.
// https://opentelemetry.io/docs/specs/semconv/general/metrics/ (http, db, messaging, rpc)
import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ATTR, ERROR_TYPE } from "../semconv.ts";
import { type Label, cleanMethod, cleanStatusCode } from "./labels.ts";

export type FamilyGroup = "http" | "db" | "messaging" | "rpc";

/** A label, and the attributes that give it: the first that is there, the present conventions' before older ones. */
export interface Source extends Label {
  /** A function of its own for each, with the keys written out: the engine then knows where in the object they are. */
  readonly read: Read;
}

type Read = (attributes: Attributes, span: ReadableSpan) => unknown;

export interface FamilyDefinition {
  readonly name: string;
  readonly description: string;
  readonly group: FamilyGroup;
  /** The first is the one that tells most series apart. */
  readonly identity: readonly Source[];
  readonly outcome: readonly Source[];
  /** Seconds. */
  readonly bounds: readonly number[];
}

/** Seconds; the conventions' advice for http, rpc and messaging. */
export const DURATION_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
/** Jobs from a queue may take minutes, and wait for longer. */
const QUEUE_BOUNDS: readonly number[] = [...DURATION_BOUNDS, 30, 60, 300];
const DB_BOUNDS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

function source(key: string, read: Read, clean?: Label["clean"]): Source {
  return clean === undefined ? { key, read } : { key, read, clean };
}

const method = source(ATTR.requestMethod, (span) => span["http.request.method"] ?? span["http.method"], cleanMethod);
const route = source(ATTR.route, (span) => span["http.route"]);
const statusCode = source(
  ATTR.responseStatusCode,
  (span) => {
    const broken = span["error.type"];
    // A response that broke off is not a 200, whatever its first line said.
    if (broken === ERROR_TYPE.clientAborted || broken === ERROR_TYPE.incompleteResponse) return undefined;
    return span["http.response.status_code"] ?? span["http.status_code"];
  },
  cleanStatusCode,
);
const httpErrorType = source(ATTR.errorType, (span) => span["error.type"]);
const scheme = source(ATTR.urlScheme, (span) => span["url.scheme"] ?? span["http.scheme"]);
const protocolVersion = source(
  ATTR.networkProtocolVersion,
  (span) => span["network.protocol.version"] ?? span["http.flavor"],
);
const serverAddress = source(
  ATTR.serverAddress,
  (span) => span["server.address"] ?? span["net.peer.name"] ?? span["net.peer.ip"],
);
const serverPort = source(ATTR.serverPort, (span) => span["server.port"] ?? span["net.peer.port"]);

/** Of spans whose instrumentation names no class: that of the exception that it recorded, else the conventions' `_OTHER`. */
const errorType = source(ATTR.errorType, ({ "error.type": given }, { status, events }) => {
  if (given !== undefined || status.code !== SpanStatusCode.ERROR) return given;
  // The newest; a retry or the like may have been noted after it.
  const exception = events.findLast(({ attributes }) => attributes?.["exception.type"] !== undefined);
  return exception?.attributes?.["exception.type"] ?? "_OTHER";
});

const messagingIdentity: readonly Source[] = [
  source("messaging.destination.name", destinationName),
  source("messaging.system", (span) => span["messaging.system"]),
  source("messaging.operation.name", (span) => span["messaging.operation.name"]),
  source("messaging.operation.type", operationType),
  source("messaging.destination.template", (span) => span["messaging.destination.template"]),
  source(
    "messaging.consumer.group.name",
    (span) =>
      span["messaging.consumer.group.name"] ??
      span["messaging.kafka.consumer.group"] ??
      span["messaging.consumer_group"],
  ),
  serverAddress,
  serverPort,
];

/** Names that live as long as a connection would be a series each. */
function destinationName(span: Attributes): unknown {
  if (span["messaging.destination.template"] !== undefined) return undefined;
  if (span["messaging.destination.anonymous"] === true) return "(anonymous)";
  if (span["messaging.destination.temporary"] === true || span["messaging.temp_destination"] === true) {
    return "(temporary)";
  }
  return span["messaging.destination.name"] ?? span["messaging.destination"];
}

/** By their numbers. */
export const GRPC_STATUS = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

const rpcOutcome: readonly Source[] = [
  source("rpc.response.status_code", (span) => {
    const before = span["rpc.grpc.status_code"];
    return span["rpc.response.status_code"] ?? (typeof before === "number" ? GRPC_STATUS[before] : before);
  }),
  errorType,
];
/** Before, service and method were two attributes. */
const rpcMethod = source("rpc.method", ({ "rpc.method": name, "rpc.service": service }) =>
  typeof service === "string" && typeof name === "string" ? `${service}/${name}` : name,
);
const rpcSystem = source("rpc.system.name", (span) => span["rpc.system.name"] ?? span["rpc.system"]);

const HTTP_SERVER: FamilyDefinition = {
  name: "http.server.request.duration",
  description: "Duration of HTTP server requests.",
  group: "http",
  identity: [route, method, scheme],
  outcome: [protocolVersion, statusCode, httpErrorType],
  bounds: DURATION_BOUNDS,
};
const HTTP_CLIENT: FamilyDefinition = {
  name: "http.client.request.duration",
  description: "Duration of HTTP client requests.",
  group: "http",
  identity: [serverAddress, serverPort, method, source("url.template", (span) => span["url.template"])],
  outcome: [protocolVersion, statusCode, httpErrorType],
  bounds: DURATION_BOUNDS,
};
const DB_CLIENT: FamilyDefinition = {
  name: "db.client.operation.duration",
  description: "Duration of database client operations.",
  group: "db",
  identity: [
    source(
      "db.collection.name",
      (span) => span["db.collection.name"] ?? span["db.sql.table"] ?? span["db.mongodb.collection"],
    ),
    source("db.operation.name", (span) => span["db.operation.name"] ?? span["db.operation"]),
    source("db.system.name", (span) => span["db.system.name"] ?? span["db.system"]),
    source("db.namespace", (span) => span["db.namespace"] ?? span["db.name"]),
    serverAddress,
    serverPort,
  ],
  outcome: [source("db.response.status_code", (span) => span["db.response.status_code"]), errorType],
  bounds: DB_BOUNDS,
};
const MESSAGING_CLIENT: FamilyDefinition = {
  name: "messaging.client.operation.duration",
  description: "Duration of messaging operation initiated by a producer or consumer client.",
  group: "messaging",
  identity: messagingIdentity,
  outcome: [errorType],
  bounds: DURATION_BOUNDS,
};
const MESSAGING_PROCESS: FamilyDefinition = {
  name: "messaging.process.duration",
  description: "Duration of processing operation.",
  group: "messaging",
  identity: messagingIdentity,
  outcome: [errorType],
  bounds: QUEUE_BOUNDS,
};
/** Not in the conventions. */
export const MESSAGING_QUEUE_TIME: FamilyDefinition = {
  name: "redtrail.messaging.queue.time",
  description: "Time from the sending of a message to its processing.",
  group: "messaging",
  identity: messagingIdentity,
  outcome: [],
  bounds: QUEUE_BOUNDS,
};
const RPC_SERVER: FamilyDefinition = {
  name: "rpc.server.call.duration",
  description: "Duration of incoming remote procedure calls.",
  group: "rpc",
  identity: [rpcMethod, rpcSystem],
  outcome: rpcOutcome,
  bounds: DURATION_BOUNDS,
};
const RPC_CLIENT: FamilyDefinition = {
  name: "rpc.client.call.duration",
  description: "Duration of outgoing remote procedure calls.",
  group: "rpc",
  identity: [rpcMethod, rpcSystem, serverAddress, serverPort],
  outcome: rpcOutcome,
  bounds: DURATION_BOUNDS,
};

export const FAMILIES: readonly FamilyDefinition[] = [
  HTTP_SERVER,
  HTTP_CLIENT,
  DB_CLIENT,
  MESSAGING_CLIENT,
  MESSAGING_PROCESS,
  MESSAGING_QUEUE_TIME,
  RPC_SERVER,
  RPC_CLIENT,
];

/** The family that counts a span; a database's own HTTP span is the database's. */
export function familyOf({
  kind,
  attributes,
}: Pick<ReadableSpan, "kind" | "attributes">): FamilyDefinition | undefined {
  switch (kind) {
    case SpanKind.SERVER:
      if (isHttp(attributes)) return HTTP_SERVER;
      return isRpc(attributes) ? RPC_SERVER : undefined;
    case SpanKind.CLIENT:
      if (isDb(attributes)) return DB_CLIENT;
      if (isMessaging(attributes)) return MESSAGING_CLIENT;
      if (isRpc(attributes)) return RPC_CLIENT;
      return isHttp(attributes) ? HTTP_CLIENT : undefined;
    case SpanKind.PRODUCER:
      return isMessaging(attributes) ? MESSAGING_CLIENT : undefined;
    case SpanKind.CONSUMER:
      if (!isMessaging(attributes)) return undefined;
      return operationType(attributes) === "receive" ? MESSAGING_CLIENT : MESSAGING_PROCESS;
    default:
      return undefined;
  }
}

function isHttp(attributes: Attributes): boolean {
  return attributes[ATTR.requestMethod] !== undefined || attributes["http.method"] !== undefined;
}

function isDb(attributes: Attributes): boolean {
  return attributes["db.system.name"] !== undefined || attributes["db.system"] !== undefined;
}

function isMessaging(attributes: Attributes): boolean {
  return attributes["messaging.system"] !== undefined;
}

function isRpc(attributes: Attributes): boolean {
  return attributes["rpc.system.name"] !== undefined || attributes["rpc.system"] !== undefined;
}

function operationType(attributes: Attributes): unknown {
  return attributes["messaging.operation.type"] ?? attributes["messaging.operation"];
}

/** Seconds that a message waited, where its instrumentation or its broker tells; undefined where none does. */
export function queueTimeS({ attributes, startTime }: ReadableSpan): number | undefined {
  const given = attributes[ATTR.queueTime];
  if (typeof given === "number") return given;
  const sentS =
    attributes["messaging.servicebus.message.enqueued_time"] ?? attributes["messaging.eventhubs.message.enqueued_time"];
  return typeof sentS === "number" ? startTime[0] + startTime[1] / 1e9 - sentS : undefined;
}
