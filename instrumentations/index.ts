// The table of instrumentations: a new one is a row here and a folder beside this file.
import { type MeterProvider, type TracerProvider, metrics, trace } from "@opentelemetry/api";
import type { Config } from "../src/config/config.ts";
import { describeError } from "../src/diagnostics/describe-error.ts";
import { log } from "../src/diagnostics/log.ts";
import { takesTraceIdAsRequestId } from "../src/engines/engine.ts";
import type { PluginInstrumentationPart } from "../src/plugins/registry.ts";
import type { WriteRequest } from "../src/request-log/record.ts";
import { headersOfRules } from "../src/sampling/rules.ts";
import type { SharedTraces } from "../src/trace-store/shared-traces.ts";
import { VERSION } from "../src/version.ts";
import { instrumentAmqplib } from "./amqplib/index.ts";
import { instrumentAwsMessaging } from "./aws-messaging/index.ts";
import { instrumentBullmq } from "./bullmq/index.ts";
import { instrumentExpress } from "./express/routes.ts";
import { instrumentFastify } from "./fastify/routes.ts";
import { instrumentHapi } from "./hapi/routes.ts";
import { instrumentHono } from "./hono/routes.ts";
import { instrumentHttpClient } from "./http/client.ts";
import { instrumentHttpServer } from "./http/server.ts";
import { instrumentHttp2Client } from "./http2/client.ts";
import { instrumentHttp2Server } from "./http2/server.ts";
import type { InstrumentationHost, InstrumentationRow } from "./instrumentation.ts";
import { instrumentKoa } from "./koa/routes.ts";
import { instrumentKafkajs } from "./kafkajs/index.ts";
import { instrumentBunyan } from "./logs/bunyan.ts";
import { instrumentConsole } from "./logs/console.ts";
import { instrumentPino } from "./logs/pino.ts";
import { instrumentWinston } from "./logs/winston.ts";
import { Modules } from "./modules.ts";
import { instrumentNest } from "./nestjs/nest.ts";
import { createOptions } from "./options.ts";
import { instrumentRestify } from "./restify/routes.ts";
import { instrumentMqtt } from "./mqtt/index.ts";
import { instrumentNats } from "./nats/index.ts";
import { instrumentRedisStreams } from "./redis-streams/index.ts";
import { rowsOfPlugins } from "./plugin/rows.ts";
import { instrumentUndici } from "./undici/client.ts";
import { instrumentByUpstream } from "./upstream/adopt.ts";
import { UPSTREAM } from "./upstream/table.ts";

export type InstrumentationConfig = Pick<
  Config,
  | "enabledInstrumentations"
  | "requestId"
  | "propagation"
  | "propagators"
  | "sampling"
  | "messaging"
  | "capturedHeaders"
  | "instrumentationOptions"
  | "logCorrelation"
  | "logsExporters"
>;

export const INSTRUMENTATIONS: readonly InstrumentationRow[] = [
  {
    name: "http",
    targets: "node:http and node:https, server and client",
    start: (host) => {
      instrumentHttpServer(host);
      instrumentHttpClient(host);
    },
  },
  {
    name: "http2",
    targets: "node:http2, server and client",
    start: (host) => {
      instrumentHttp2Server(host);
      instrumentHttp2Client(host);
    },
  },
  { name: "undici", targets: "fetch and undici 6 or later", start: instrumentUndici },
  { name: "express", targets: "express 4 and 5 (route names)", start: instrumentExpress },
  { name: "fastify", targets: "fastify 4 and 5 (the same)", start: instrumentFastify },
  {
    name: "koa",
    targets: "koa 2 and 3 with @koa/router, koa-router 7 or later, koa-mount (the same)",
    start: instrumentKoa,
  },
  { name: "hapi", targets: "@hapi/hapi 20 and 21 (the same)", start: instrumentHapi },
  { name: "hono", targets: "hono 4 on @hono/node-server (the same)", start: instrumentHono },
  { name: "restify", targets: "restify 11 and 12 (the same)", start: instrumentRestify },
  {
    name: "nestjs-core",
    targets: "NestJS 10 to 12 on Express or Fastify (whose routes are its routes)",
    start: instrumentNest,
  },
  { name: "amqplib", targets: "amqplib 0.10 and later (RabbitMQ): publish, consume, get", start: instrumentAmqplib },
  { name: "kafkajs", targets: "kafkajs 2 (Kafka): send, eachMessage, eachBatch", start: instrumentKafkajs },
  {
    name: "aws-messaging",
    targets: "@aws-sdk/client-sqs and client-sns 3: SendMessage, Publish, their batches, ReceiveMessage",
    start: instrumentAwsMessaging,
  },
  { name: "bullmq", targets: "bullmq 5 and 6: queues, flows, workers", start: instrumentBullmq },
  { name: "nats", targets: "nats 2 and @nats-io/* 3: publish, request, subscribe, JetStream", start: instrumentNats },
  {
    name: "mqtt",
    targets: "mqtt 5 (MQTT 5; MQTT 3 has no place for headers): publish and messages",
    start: instrumentMqtt,
  },
  {
    name: "redis-streams",
    targets: "XADD by ioredis and redis (REDTRAIL_MESSAGING_REDIS_STREAMS)",
    start: instrumentRedisStreams,
  },
  { name: "pino", targets: "pino 8 and later (request and trace ids in its records)", start: instrumentPino },
  { name: "winston", targets: "winston 3 (the same)", start: instrumentWinston },
  { name: "bunyan", targets: "bunyan 1 and 2 (the same)", start: instrumentBunyan },
  {
    name: "console",
    targets: "lines of JSON by console.log (the same; REDTRAIL_LOG_CORRELATION)",
    start: instrumentConsole,
  },
  ...UPSTREAM.map((row) => ({ ...row, start: (host: InstrumentationHost) => instrumentByUpstream(row, host) })),
];

export const INSTRUMENTATION_NAMES: readonly string[] = namesOf(INSTRUMENTATIONS);
export const DEFAULT_INSTRUMENTATION_NAMES: readonly string[] = defaultNamesOf(INSTRUMENTATIONS);

/** The table with those of plug-ins in it: one of the same name takes the place of ours. */
export function withPlugins(parts: readonly PluginInstrumentationPart[]): readonly InstrumentationRow[] {
  const rows = rowsOfPlugins(parts);
  const replaced = new Set(rows.map(({ name }) => name));
  return [...INSTRUMENTATIONS.filter(({ name }) => !replaced.has(name)), ...rows];
}

export function namesOf(rows: readonly InstrumentationRow[]): readonly string[] {
  return rows.map(({ name }) => name);
}

/** Those that run unless they are told not to. */
export function defaultNamesOf(rows: readonly InstrumentationRow[]): readonly string[] {
  return namesOf(rows.filter(({ isOffByDefault }) => isOffByDefault !== true));
}

/** What they are connected to. */
export interface InstrumentationWiring {
  readonly provider?: TracerProvider | undefined;
  readonly meterProvider?: MeterProvider | undefined;
  /** @default redtrail's own */
  readonly rows?: readonly InstrumentationRow[] | undefined;
  /** Takes each request that a server has answered. */
  readonly requestLog?: WriteRequest | undefined;
  readonly sharedTraces?: SharedTraces | undefined;
  /** @default hooks of this call's own */
  readonly modules?: Modules | undefined;
}

/**
 * Starts those that are on. Without a provider the registered one is used; it has to be registered before, because a proxy
 * of the API copy in this bundle does not hear of a provider that another copy registers.
 */
export function startInstrumentations(
  {
    enabledInstrumentations,
    requestId,
    propagation,
    propagators,
    sampling,
    messaging,
    capturedHeaders,
    instrumentationOptions,
    logCorrelation,
    logsExporters,
  }: InstrumentationConfig,
  {
    provider = trace.getTracerProvider(),
    meterProvider = metrics.getMeterProvider(),
    rows = INSTRUMENTATIONS,
    requestLog,
    sharedTraces,
    modules = new Modules(),
  }: InstrumentationWiring = {},
): void {
  const host: Omit<InstrumentationHost, "tracer"> = {
    modules,
    tracerProvider: provider,
    meterProvider,
    options: createOptions(instrumentationOptions, namesOf(rows)),
    isOn: (name) => enabledInstrumentations.includes(name),
    requestId,
    propagation,
    messaging,
    samplingHeaders: headersOfRules(sampling.rules),
    capturedHeaders,
    logs: { correlated: logCorrelation, emits: logsExporters.includes("otlp") },
    requestLog,
    requestIdIsTraceId: takesTraceIdAsRequestId({ requestId, propagators }),
    sharedTraces,
  };
  for (const { name, start } of rows) {
    if (!enabledInstrumentations.includes(name)) continue;
    try {
      start({ ...host, tracer: provider.getTracer(`redtrail/instrumentation-${name}`, VERSION) });
    } catch (error) {
      log.warn(`instrumentation "${name}" could not start (${describeError(error)}); the others go on`);
    }
  }
  modules.start();
}
