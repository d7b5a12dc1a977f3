// Reads the settings of what is pushed: where to, with which credentials, and what may wait.
import type { DeliveryLimits } from "../exporters/delivery/delivery.ts";
import {
  type Destination,
  type ProxyVariables,
  type TlsFiles,
  basicAuthorization,
} from "../exporters/delivery/target.ts";
import type { BatchConfig, Config, RequestLogConfig, RequestLogSchema, RequestLogSinkName } from "./config.ts";
import type { SettingReader } from "./reader.ts";
import type { Environment } from "./read.ts";

export function readZipkin(reader: SettingReader, env: Environment): Destination {
  return readDestination(reader, env, "REDTRAIL_ZIPKIN", {
    urls: reader.get("OTEL_EXPORTER_ZIPKIN_ENDPOINT") as readonly string[],
    timeoutMs: reader.get("OTEL_EXPORTER_ZIPKIN_TIMEOUT") as number,
  });
}

export function readSpool(reader: SettingReader): Config["spool"] {
  return {
    folder: reader.get("REDTRAIL_SPOOL_DIR") as string | undefined,
    maxBytes: reader.get("REDTRAIL_SPOOL_BYTES") as number,
  };
}

export function readBatch(reader: SettingReader, bytes: ByteLimits): BatchConfig {
  const names = {
    maxQueueSize: "OTEL_BSP_MAX_QUEUE_SIZE",
    maxExportBatchSize: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    scheduleDelayMs: "OTEL_BSP_SCHEDULE_DELAY",
  };
  return {
    ...readLimits(reader, names, bytes),
    exportTimeoutMs: reader.get("OTEL_BSP_EXPORT_TIMEOUT") as number,
  };
}

export function readRequestLog(reader: SettingReader, env: Environment, bytes: ByteLimits): RequestLogConfig {
  const names = {
    maxQueueSize: "REDTRAIL_REQUEST_LOG_QUEUE_SIZE",
    maxExportBatchSize: "REDTRAIL_REQUEST_LOG_BATCH_SIZE",
    scheduleDelayMs: "REDTRAIL_REQUEST_LOG_DELAY",
  };
  const sinks = reader.get("REDTRAIL_REQUEST_LOG") as readonly (RequestLogSinkName | "none")[];
  return {
    sinks: sinks.filter((sink) => sink !== "none"),
    schema: reader.get("REDTRAIL_REQUEST_LOG_SCHEMA") as RequestLogSchema,
    exclude: (reader.get("REDTRAIL_REQUEST_LOG_EXCLUDE") ?? []) as readonly string[],
    limits: readLimits(reader, names, bytes),
    elasticsearch: {
      destination: readDestination(reader, env, "REDTRAIL_ELASTICSEARCH", {
        urls: reader.get("REDTRAIL_ELASTICSEARCH_URL") as readonly string[],
        timeoutMs: reader.get("REDTRAIL_ELASTICSEARCH_TIMEOUT") as number,
      }),
      index: reader.get("REDTRAIL_ELASTICSEARCH_INDEX") as string,
      ids: reader.get("REDTRAIL_ELASTICSEARCH_IDS") as "span" | "auto",
      installTemplate: reader.get("REDTRAIL_ELASTICSEARCH_TEMPLATE") as boolean,
      deadLetterFile: reader.get("REDTRAIL_ELASTICSEARCH_DEAD_LETTER_FILE") as string | undefined,
    },
  };
}

export type ByteLimits = Pick<DeliveryLimits, "maxQueueBytes" | "maxExportBatchBytes">;

/** Of each exporter. */
export function readByteLimits(reader: SettingReader): ByteLimits {
  return {
    maxQueueBytes: reader.get("REDTRAIL_QUEUE_BYTES") as number,
    maxExportBatchBytes: reader.get("REDTRAIL_BATCH_BYTES") as number,
  };
}

interface LimitNames {
  readonly maxQueueSize: string;
  readonly maxExportBatchSize: string;
  readonly scheduleDelayMs: string;
}

/** A batch that is larger than the queue is cut to it, and said if somebody has asked for it. */
function readLimits(reader: SettingReader, names: LimitNames, bytes: ByteLimits): DeliveryLimits {
  const number = (name: string): number => reader.get(name) as number;
  const maxQueueSize = number(names.maxQueueSize);
  let maxExportBatchSize = number(names.maxExportBatchSize);
  if (maxExportBatchSize > maxQueueSize) {
    if (reader.isSet(names.maxExportBatchSize)) {
      const name = `${names.maxExportBatchSize}="${maxExportBatchSize}"`;
      reader.problems.push(`${name} is more than ${names.maxQueueSize}; using ${maxQueueSize}`);
    }
    maxExportBatchSize = maxQueueSize;
  }
  return { ...bytes, maxQueueSize, maxExportBatchSize, scheduleDelayMs: number(names.scheduleDelayMs) };
}

function readDestination(
  reader: SettingReader,
  env: Environment,
  prefix: string,
  where: Pick<Destination, "urls" | "timeoutMs">,
): Destination {
  const text = (name: string): string | undefined => reader.get(`${prefix}_${name}`) as string | undefined;
  const tls = readTlsFiles(reader, prefix);
  const headers = {
    ...readAuthorization(text),
    ...(reader.get(`${prefix}_HEADERS`) as Record<string, string> | undefined),
  };
  return { ...where, headers, ...(Object.keys(tls).length > 0 ? { tls } : {}), proxy: readProxy(env) };
}

export function readTlsFiles(reader: SettingReader, prefix: string): TlsFiles {
  const file = (name: string): string | undefined => reader.get(`${prefix}_${name}`) as string | undefined;
  return {
    ...named("caFile", file("CA_FILE")),
    ...named("certFile", file("CLIENT_CERT_FILE")),
    ...named("keyFile", file("CLIENT_KEY_FILE")),
  };
}

/** The most specific one wins: API key, token, user and password. */
function readAuthorization(text: (name: string) => string | undefined): { authorization?: string } {
  const apiKey = text("API_KEY");
  if (apiKey !== undefined) return { authorization: `ApiKey ${apiKey}` };
  const token = text("BEARER_TOKEN");
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  const [username = "", password = ""] = [text("USERNAME"), text("PASSWORD")];
  return basicAuthorization(username, password);
}

/** Upper case wins, as in Node. */
function readProxy(env: Environment): ProxyVariables {
  const read = (name: string): string | undefined => (env[name] ?? env[name.toLowerCase()])?.trim() || undefined;
  return {
    ...named("HTTP_PROXY", read("HTTP_PROXY")),
    ...named("HTTPS_PROXY", read("HTTPS_PROXY")),
    ...named("NO_PROXY", read("NO_PROXY")),
  };
}

function named<Name extends string>(name: Name, value: string | undefined): { [Key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [Key in Name]: string });
}
