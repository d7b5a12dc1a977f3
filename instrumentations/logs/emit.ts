// Hands the records of a log library to the OpenTelemetry logs API.
// https://opentelemetry.io/docs/specs/otel/logs/data-model/
import { type Attributes, type Logger, SeverityNumber, context as contextApi, logs } from "@opentelemetry/api";
import { VERSION } from "../../src/version.ts";

export interface LogRecord {
  readonly level: string | number;
  readonly message: unknown;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** All other fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export type EmitLog = (record: LogRecord) => void;

/** Numbers are pino's and bunyan's, names npm's and syslog's. */
const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  silly: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  verbose: SeverityNumber.DEBUG2,
  http: SeverityNumber.DEBUG3,
  info: SeverityNumber.INFO,
  notice: SeverityNumber.INFO2,
  warn: SeverityNumber.WARN,
  warning: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  crit: SeverityNumber.ERROR2,
  alert: SeverityNumber.ERROR3,
  emerg: SeverityNumber.FATAL,
  fatal: SeverityNumber.FATAL,
};
const NAMES_OF_NUMBERS: readonly (readonly [from: number, name: string])[] = [
  [60, "fatal"],
  [50, "error"],
  [40, "warn"],
  [30, "info"],
  [20, "debug"],
];
/** As many as a span may have. */
const MAX_ATTRIBUTES = 128;
/** What says the same as the record's own context. */
const IN_CONTEXT = new Set(["trace_id", "span_id", "trace_flags"]);

/** Never throws. `library`: of the scope. */
export function createEmitLog(library: string): EmitLog {
  // Not now: a logger of the time before the provider is registered hears nothing of it.
  let logger: Logger | undefined;
  return ({ level, message, time, fields }) => {
    try {
      logger ??= logs.getLogger(`redtrail/instrumentation-${library}`, VERSION);
      const severityText = nameOf(level);
      logger.emit({
        timestamp: time,
        severityNumber: SEVERITIES[severityText] ?? SeverityNumber.UNSPECIFIED,
        severityText,
        body: typeof message === "string" ? message : toText(message),
        attributes: attributesOf(fields),
        context: contextApi.active(),
      });
    } catch {
      // The record was written where the app writes it; that is what counts.
    }
  };
}

function nameOf(level: string | number): string {
  if (typeof level === "string") return level;
  return NAMES_OF_NUMBERS.find(([from]) => level >= from)?.[1] ?? "trace";
}

function attributesOf(fields: Readonly<Record<string, unknown>>): Attributes {
  const attributes: Attributes = {};
  let count = 0;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || value === null || IN_CONTEXT.has(key)) continue;
    if (++count > MAX_ATTRIBUTES) break;
    if (key === "err" || key === "error") Object.assign(attributes, exceptionOf(value));
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      attributes[key] = value;
    else attributes[key] = toText(value);
  }
  return attributes;
}

/** An Error, or what the libraries' serializers make of one. */
function exceptionOf(value: unknown): Attributes {
  const { name, type, message, stack } = value as {
    name?: unknown;
    type?: unknown;
    message?: unknown;
    stack?: unknown;
  };
  if (typeof value !== "object" || (message === undefined && stack === undefined)) {
    return { "exception.message": toText(value) };
  }
  return {
    "exception.type": String(type ?? name ?? "Error"),
    "exception.message": String(message),
    ...(typeof stack === "string" ? { "exception.stacktrace": stack } : {}),
  };
}

function toText(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "[unserializable]";
  }
}
