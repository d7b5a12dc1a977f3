// The instrumentations that are OpenTelemetry's own: which packages each is for, and how redtrail sets it up.
// https://github.com/open-telemetry/opentelemetry-js-contrib
//
// A span stands for one call to something else, because the metrics count spans: no spans of connections, none of a library's
// inside, and one row for each call (docs/instrumentations.md).
import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { InstrumentationHost } from "../instrumentation.ts";
import { finishAwsSpan, isAwsCall, withoutMessaging } from "./aws-sdk.ts";
import { finishDatabaseSpan } from "./database.ts";
import { endWithHandler, finishGrpcSpan } from "./grpc.ts";
import { keepToTrust } from "./grpc-trust.ts";
import type { AfterCall, StandIns } from "./guard.ts";
import { finishKnexSpan, isSeenByDriver } from "./knex.ts";
import { withoutRoundTrips } from "./oracledb.ts";
import { commandText, failOnWriteErrors, finishMongoSpan } from "./mongodb.ts";
import { keepPoolContext } from "./mysql2.ts";
import { isRedisCall } from "./redis.ts";
import { finishSocketIoSpan, keepListeners } from "./socket-io.ts";
import type { EndingSpan, SpanRules } from "./spans.ts";

export type PreparingHost = Pick<InstrumentationHost, "requestId" | "propagation">;

export interface UpstreamRow {
  /** As OTEL_NODE_ENABLED_INSTRUMENTATIONS names it: `@opentelemetry/instrumentation-<name>`. */
  readonly name: string;
  /** What it instruments, for people. */
  readonly targets: string;
  /** The packages whose loading it waits for. */
  readonly packages: readonly string[];
  /** The options that REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION> may set; those that are functions are left out. */
  readonly options: readonly string[];
  /** Where redtrail's defaults are not upstream's. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** On only where OTEL_NODE_ENABLED_INSTRUMENTATIONS names it: it tells of the inside of libraries. @default false */
  readonly isOffByDefault?: boolean;
  /** What is changed in its spans. */
  readonly spans?: SpanRules;
  /** Whether what it counts itself is wanted. @default true */
  readonly hasMetrics?: boolean;
  /** By method: what the instrumentation gets for the arguments; the method itself gets the app's own. */
  readonly standIns?: (config: Readonly<Record<string, unknown>>) => Readonly<Record<string, StandIns>>;
  /** Methods whose callbacks run in the context of the call: the library itself loses it, and upstream with it. */
  readonly bindsCallbacks?: readonly string[];
  /** Methods that may return an emitter, whose end is the end of the call. */
  readonly endsWithEmitter?: readonly string[];
  /** By method: sees each call that has a span. */
  readonly afterCall?: Readonly<Record<string, AfterCall>>;
  /** Patches what upstream does not, after it: gets the exports of a file, and its path in the package. */
  readonly patch?: (exports: unknown, file: string) => void;
  /** Changes the instrumentation itself, once, before it has patched anything. */
  readonly prepare?: (instrumentation: object, host: PreparingHost) => void;
}

const database: SpanRules = { finish: finishDatabaseSpan };

export const UPSTREAM: readonly UpstreamRow[] = [
  {
    name: "pg",
    targets: "pg 8, pg-pool",
    packages: ["pg", "pg-pool"],
    options: [
      ...["requireParentSpan", "enhancedDatabaseReporting", "addSqlCommenterCommentToQueries"],
      ...["ignoreConnectSpans", "enableTraceContextPropagation"],
    ],
    // A span for each connection taken from a pool says little, and doubles the spans of a query.
    defaults: { ignoreConnectSpans: true },
    spans: database,
    // Cursors and streams, which upstream leaves open.
    endsWithEmitter: ["query"],
    // A connection that another request gives back calls whoever waits for it.
    bindsCallbacks: ["connect"],
  },
  {
    name: "mysql",
    targets: "mysql 2",
    packages: ["mysql"],
    options: ["enhancedDatabaseReporting"],
    // A pool's query is a query of its connection too.
    spans: { ...database, nests: false },
  },
  {
    name: "mysql2",
    targets: "mysql2 1.4 to 3",
    packages: ["mysql2"],
    options: ["maskStatement", "addSqlCommenterCommentToQueries"],
    // The statement as it was written: upstream would write the values into it, and redaction take them out again.
    defaults: { maskStatement: true, maskStatementHook: (sql: string) => sql },
    spans: database,
    bindsCallbacks: ["query", "execute"],
    // Upstream waits for a first row, and forever when there is none.
    endsWithEmitter: ["query"],
    patch: keepPoolContext,
  },
  {
    name: "mongodb",
    targets: "mongodb 3.3 to 7",
    packages: ["mongodb"],
    options: ["requireParentSpan"],
    defaults: {
      // Upstream's is true: calls of background jobs would be missing, here alone of all databases.
      requireParentSpan: false,
      // Upstream writes all documents, byte by byte where the driver has them as such.
      dbStatementSerializer: commandText,
      responseHook: failOnWriteErrors,
    },
    spans: { finish: finishMongoSpan },
    // It counts sessions as connections.
    hasMetrics: false,
  },
  {
    name: "mongoose",
    targets: "mongoose 5.9 to 9",
    packages: ["mongoose"],
    options: ["suppressInternalInstrumentation", "requireParentSpan"],
    // Each operation is one or more commands of mongodb, which has them already. Who wants it gets it in their place.
    isOffByDefault: true,
    defaults: { suppressInternalInstrumentation: true },
    spans: database,
  },
  {
    name: "redis",
    targets: "redis 2.6 to 6, @redis/client",
    packages: ["redis", "@redis/client", "@node-redis/client"],
    options: ["requireParentSpan"],
    // As ioredis does: workers poll Redis all the time, outside of any request.
    defaults: { requireParentSpan: true },
    spans: { admits: isRedisCall, finish: finishDatabaseSpan },
  },
  {
    name: "ioredis",
    targets: "ioredis 2 to 6",
    packages: ["ioredis"],
    options: ["requireParentSpan"],
    spans: { admits: isRedisCall, finish: finishDatabaseSpan },
  },
  {
    name: "grpc",
    targets: "@grpc/grpc-js 1, client and server",
    packages: ["@grpc/grpc-js"],
    options: ["ignoreGrpcMethods", "metadataToSpanAttributes"],
    spans: { finish: finishGrpcSpan },
    // Of a server's handler.
    afterCall: { func: endWithHandler },
    prepare: keepToTrust,
  },
  {
    name: "graphql",
    targets: "graphql 14 to 16",
    packages: ["graphql"],
    options: [
      ...["allowValues", "depth", "ignoreResolveSpans", "ignoreTrivialResolveSpans", "flatResolveSpans", "mergeItems"],
    ],
    // A span for each field of each item is a flood; and an answer with errors is one that has failed.
    defaults: { ignoreResolveSpans: true, responseHook: failGraphqlSpan },
    // Upstream hands on the arguments that it knows, and writes into the app's context value; only resolvers' spans need that.
    standIns: ({ ignoreResolveSpans }) => (ignoreResolveSpans === true ? { execute: withoutContextValue } : {}),
  },
  {
    name: "aws-sdk",
    targets: "AWS SDK for JavaScript v3",
    packages: [
      ...["@aws-sdk/middleware-stack", "@aws-sdk/smithy-client"],
      ...["@smithy/middleware-stack", "@smithy/core", "@smithy/smithy-client"],
    ],
    options: ["suppressInternalInstrumentation", "sqsExtractContextPropagationFromPayload"],
    // The call is the span, and not each HTTP request that it takes.
    defaults: { suppressInternalInstrumentation: true },
    spans: { admits: isAwsCall, finish: finishAwsSpan },
    prepare: withoutMessaging,
  },
  {
    name: "socket.io",
    targets: "socket.io 2 to 4, server",
    packages: ["socket.io"],
    options: ["emitIgnoreEventList", "onIgnoreEventList", "traceReserved"],
    spans: { finish: finishSocketIoSpan },
    prepare: keepListeners,
  },
  {
    name: "cassandra-driver",
    targets: "cassandra-driver 4.4 and later",
    packages: ["cassandra-driver"],
    options: ["enhancedDatabaseReporting", "maxQueryLength"],
    // The statement, whose literals redaction takes out; without it nothing tells what was done.
    defaults: { enhancedDatabaseReporting: true },
    // A stream's pages have a span each.
    spans: { admits: (name) => name !== "cassandra-driver.stream", finish: finishCassandraSpan },
  },
  {
    name: "knex",
    targets: "knex to 3, where its driver is not traced (SQLite)",
    packages: ["knex"],
    options: ["maxQueryLength", "requireParentSpan"],
    spans: { admits: (_, attributes, isOn) => !isSeenByDriver(attributes, isOn), finish: finishKnexSpan },
  },
  {
    name: "memcached",
    targets: "memcached 2.2",
    packages: ["memcached"],
    options: ["enhancedDatabaseReporting"],
    spans: database,
  },
  {
    name: "tedious",
    targets: "tedious (SQL Server) to 20",
    packages: ["tedious"],
    options: ["enableTraceContextPropagation"],
    spans: database,
  },
  {
    name: "oracledb",
    targets: "oracledb 6.7 to 7",
    packages: ["oracledb"],
    options: [
      ...["enhancedDatabaseReporting", "dbStatementDump", "requireParentSpan", "propagateTraceContextToSessionAction"],
    ],
    defaults: { dbStatementDump: true },
    spans: { admits: (name) => name.startsWith("oracledb.Connection."), finish: finishDatabaseSpan },
    prepare: withoutRoundTrips,
  },
  {
    name: "dataloader",
    targets: "dataloader 2",
    packages: ["dataloader"],
    options: ["requireParentSpan"],
    // A span for each key that is asked for.
    isOffByDefault: true,
    // Upstream's CLIENT: it calls nobody.
    spans: { kind: SpanKind.INTERNAL },
  },
  {
    name: "generic-pool",
    targets: "generic-pool 2 and 3",
    packages: ["generic-pool"],
    options: [],
    // Taking from a pool is no call.
    isOffByDefault: true,
  },
];

/** Its text is that of all its statements. */
function finishCassandraSpan(span: EndingSpan): void {
  if (span.name === "cassandra-driver.batch") span.setAttribute("db.operation.name", "BATCH");
  finishDatabaseSpan(span);
}

function withoutContextValue(args: readonly unknown[]): readonly unknown[] {
  if (args.length === 1) return [{ ...(args[0] as object), contextValue: undefined }];
  return args.map((value, index) => (index === 3 ? undefined : value));
}

/** GraphQL answers 200 whatever has happened. */
function failGraphqlSpan(
  span: Span,
  { errors }: { readonly errors?: readonly { readonly message?: unknown }[] },
): void {
  const [first] = errors ?? [];
  if (first === undefined) return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(first.message) });
}
