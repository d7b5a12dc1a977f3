// Turns the environment into the configuration, by the table of settings; never throws, and says each problem in one line.
import type { Config, EngineName, LogLevel, LogLibrary, OtlpProtocol, SpanLimitsConfig } from "./config.ts";
import { type SettingValue, defaultValue, displayText, parseSetting } from "./parse.ts";
import { readBatch, readByteLimits, readRequestLog, readSpool, readZipkin } from "./delivery.ts";
import { readPrometheus, readRed } from "./metrics.ts";
import { readMessaging } from "./messaging.ts";
import { readPlugins } from "./plugins.ts";
import { readPropagation, readRequestId } from "./propagation.ts";
import type { SettingReader } from "./reader.ts";
import { readCapturedHeaders, readRedaction } from "./redaction.ts";
import { readSampling } from "./sampling.ts";
import { PASSED_THROUGH, SETTINGS, type Setting } from "./settings.ts";
import { readTraceStore } from "./trace-store.ts";
import { suggest } from "./suggest.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What plug-ins add to the values of settings, by the setting's name. */
export type AddedValues = Readonly<Record<string, readonly string[]>>;

/** What is known before anything else is: nothing of it is said, because `readConfig` reads it again. */
export function readPluginNames(env: Environment): readonly string[] {
  return readPlugins(createReader(env, {}));
}

/** `byDefault`: the instrumentations that run unless they are told not to. */
export function readConfig(
  env: Environment,
  instrumentationNames: readonly string[],
  byDefault: readonly string[] = instrumentationNames,
  added: AddedValues = {},
): { config: Config; problems: readonly string[] } {
  const reader = createReader(env, added);
  const text = (name: string): string => reader.get(name) as string;
  const number = (name: string): number => reader.get(name) as number;
  const list = <Name extends string>(name: string): readonly Name[] => reader.get(name) as readonly Name[];

  const bytes = readByteLimits(reader);
  const requestLog = readRequestLog(reader, env, bytes);
  const resourceAttributes = (reader.get("OTEL_RESOURCE_ATTRIBUTES") ?? {}) as Record<string, string>;
  const otlp = text("OTEL_EXPORTER_OTLP_PROTOCOL") as OtlpProtocol;
  const config: Config = {
    plugins: readPlugins(reader),
    disabled: reader.get("OTEL_SDK_DISABLED") as boolean,
    logLevel: text("OTEL_LOG_LEVEL") as LogLevel,
    serviceName: (reader.get("OTEL_SERVICE_NAME") as string | undefined) ?? resourceAttributes["service.name"],
    resourceAttributes,
    resourceDetectors: readDetectors(reader, added),
    propagators: list("OTEL_PROPAGATORS"),
    ...readSampling(reader, env["OTEL_TRACES_SAMPLER_ARG"]?.trim()),
    ...readExporters(reader, requestLog.sinks.includes("otlp")),
    logCorrelation: list<LogLibrary | "none">("REDTRAIL_LOG_CORRELATION").filter((name) => name !== "none"),
    batch: readBatch(reader, bytes),
    spanLimits: readSpanLimits(reader),
    zipkin: readZipkin(reader, env),
    spool: readSpool(reader),
    requestLog,
    prometheus: readPrometheus(reader),
    metricExport: {
      intervalMs: number("OTEL_METRIC_EXPORT_INTERVAL"),
      timeoutMs: number("OTEL_METRIC_EXPORT_TIMEOUT"),
    },
    otlpProtocol: {
      traces: (text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") as OtlpProtocol | undefined) ?? otlp,
      metrics: (text("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") as OtlpProtocol | undefined) ?? otlp,
    },
    enabledInstrumentations: readInstrumentations(reader, instrumentationNames, byDefault),
    instrumentationOptions: readInstrumentationOptions(env),
    requestId: readRequestId(reader),
    propagation: readPropagation(reader),
    messaging: readMessaging(reader),
    traceStore: readTraceStore(reader),
    redaction: readRedaction(reader),
    capturedHeaders: readCapturedHeaders(reader),
    red: readRed(reader),
    runtimeMetrics: reader.get("REDTRAIL_RUNTIME_METRICS") as boolean,
    mergeCluster: text("REDTRAIL_CLUSTER_METRICS") === "merge",
    workerThreads: reader.get("REDTRAIL_WORKER_THREADS") as boolean,
    shutdownTimeoutMs: number("REDTRAIL_SHUTDOWN_TIMEOUT"),
  };
  reader.problems.push(...misspeltNames(env));
  return { config, problems: reader.problems.map(oneLine) };
}

/** A value from the environment may hold line breaks and terminal escapes; a problem stays one line. */
function oneLine(problem: string): string {
  return problem.replaceAll(/\p{Cc}+/gu, " ");
}

function createReader(env: Environment, added: AddedValues): SettingReader {
  const problems: string[] = [];
  const textOf = (name: string): string => (env[name] ?? "").trim();

  function get(name: string, values?: readonly string[]): SettingValue | undefined {
    const row = SETTINGS.get(name) as Setting;
    const known = values ?? row.values;
    const more = added[name] ?? [];
    const setting = known === undefined ? row : { ...row, values: [...known, ...more] };
    const text = textOf(name);
    if (text === "") return defaultValue(setting);
    const parsed = parseSetting(setting, text);
    const used = parsed.value ?? defaultValue(setting);
    for (const problem of parsed.problems) {
      problems.push(`${name}="${displayText(setting, text)}" ${problem}; ${consequence(setting, used)}`);
    }
    return used;
  }

  return { problems, get, isSet: (name) => textOf(name) !== "" };
}

/** What is used, as the setting would be written; without a default of its own, what holds is another setting's business. */
function consequence(setting: Setting, value: SettingValue | undefined): string {
  if (value === undefined) return "it is ignored";
  if (setting.type !== "pairs") return `using ${displayText(setting, String(value))}`;
  const pairs = Object.entries(value as Record<string, string>);
  if (pairs.length === 0) return "it is ignored";
  return `using "${displayText(setting, pairs.map(([key, one]) => `${key}=${one}`).join(","))}"`;
}

type Exporters = Pick<Config, "engine" | "tracesExporters" | "metricsExporters" | "logsExporters">;

/** `logsRequests`: whether the request log goes to the logs API. OTLP is upstream's, so naming it chooses the engine, unless the engine was named too. */
function readExporters(reader: SettingReader, logsRequests: boolean): Exporters {
  const engine = reader.get("REDTRAIL_ENGINE") as EngineName | undefined;
  const exporters = {
    tracesExporters: reader.get("OTEL_TRACES_EXPORTER") as readonly string[],
    metricsExporters: reader.get("OTEL_METRICS_EXPORTER") as readonly string[],
    logsExporters:
      logsRequests && !reader.isSet("OTEL_LOGS_EXPORTER")
        ? (["otlp"] as const)
        : (reader.get("OTEL_LOGS_EXPORTER") as Config["logsExporters"]),
  };
  const namesOtlp = Object.values(exporters).some((names) => (names as readonly string[]).includes("otlp"));
  if (engine !== "native" || !namesOtlp) return { engine: engine ?? (namesOtlp ? "node-sdk" : "native"), ...exporters };
  reader.problems.push(
    'REDTRAIL_ENGINE="native" has no OTLP exporter; otlp is left out (REDTRAIL_ENGINE=node-sdk has one)',
  );
  return {
    engine,
    tracesExporters: withoutOtlp(exporters.tracesExporters, "zipkin"),
    metricsExporters: withoutOtlp(exporters.metricsExporters, "prometheus"),
    logsExporters: ["none"],
  };
}

/** All that there are when nothing is set: who adds a detector wants it to run. */
function readDetectors(reader: SettingReader, added: AddedValues): readonly string[] {
  const name = "OTEL_NODE_RESOURCE_DETECTORS";
  const names = reader.get(name) as readonly string[];
  return reader.isSet(name) ? names : [...names, ...(added[name] ?? [])];
}

function withoutOtlp(names: readonly string[], fallback: string): readonly string[] {
  const rest = names.filter((name) => name !== "otlp");
  return rest.length === 0 ? [fallback] : rest;
}

function readSpanLimits(reader: SettingReader): SpanLimitsConfig {
  const number = (name: string): number | undefined => reader.get(name) as number | undefined;
  const count = number("OTEL_ATTRIBUTE_COUNT_LIMIT") ?? Infinity;
  const length = number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT") ?? Infinity;
  return {
    attributeCountLimit: number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT") ?? count,
    attributeValueLengthLimit: number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT") ?? length,
    eventCountLimit: number("OTEL_SPAN_EVENT_COUNT_LIMIT") ?? Infinity,
    linkCountLimit: number("OTEL_SPAN_LINK_COUNT_LIMIT") ?? Infinity,
    attributePerEventCountLimit: number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT") ?? Infinity,
    attributePerLinkCountLimit: number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT") ?? Infinity,
  };
}

/** The names that upstream's register knows are told from misspelt ones only by not being near to any of ours. */
function readInstrumentations(
  reader: SettingReader,
  all: readonly string[],
  byDefault: readonly string[],
): readonly string[] {
  const enabled = (reader.get("OTEL_NODE_ENABLED_INSTRUMENTATIONS", [...all, "all"]) ?? byDefault) as readonly string[];
  const disabled = (reader.get("OTEL_NODE_DISABLED_INSTRUMENTATIONS", all) ?? []) as readonly string[];
  const isEnabled = (name: string): boolean => enabled.includes("all") || enabled.includes(name);
  return all.filter((name) => isEnabled(name) && !disabled.includes(name));
}

/** They are understood where the instrumentation starts, which knows its options. */
function readInstrumentationOptions(env: Environment): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, text] of Object.entries(env)) {
    if (name.startsWith("REDTRAIL_INSTRUMENTATION_") && text !== undefined && text.trim() !== "") options[name] = text;
  }
  return options;
}

/** A name that nothing reads: surely a mistake when it is ours, and when it is nearly one that OpenTelemetry has. */
function misspeltNames(env: Environment): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    const isOurs = name.startsWith("REDTRAIL_");
    if (!isOurs && !name.startsWith("OTEL_")) continue;
    if (SETTINGS.has(name) || PASSED_THROUGH.names.includes(name)) continue;
    if (PASSED_THROUGH.prefixes.some((prefix) => name.startsWith(prefix))) continue;
    const near = suggest(name, [...SETTINGS.keys(), ...PASSED_THROUGH.names]);
    if (near !== undefined) problems.push(`${name} is not a setting (did you mean ${near}?); it is ignored`);
    else if (isOurs) problems.push(`${name} is not a setting; it is ignored`);
  }
  return problems;
}
