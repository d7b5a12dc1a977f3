// What the rest of redtrail knows of its settings: read once, by read.ts, from the table in settings.ts.
import type { Attributes } from "@opentelemetry/api";
import type { TranslationStrategy } from "../exporters/prometheus/names.ts";
import type { DeliveryLimits } from "../exporters/delivery/delivery.ts";
import type { Destination, TlsFiles } from "../exporters/delivery/target.ts";
import type { KeepErrors } from "../sampling/keep.ts";
import type { SamplingRule } from "../sampling/rules.ts";
import type { RedOptions } from "../metrics/red-options.ts";
import type { StoreAddress } from "../trace-store/address.ts";

export type EngineName = "native" | "node-sdk";
export type LogLevel = "none" | "error" | "warn" | "info" | "debug" | "verbose" | "all";
export type TracesExporterName = "zipkin" | "otlp" | "console" | "none";
export type PropagatorName =
  | "tracecontext"
  | "baggage"
  | "requestid"
  | "b3"
  | "b3multi"
  | "xray"
  | "jaeger"
  | "ottrace"
  | "legacy"
  | "peer"
  | "none";
export type RequestIdFormat = "uuid7" | "uuid4" | "hex32" | "traceid";
/** From whom a request id is taken. */
export type RequestIdTrust = "accept" | "internal" | "never";
/** What becomes of the trace of a caller who is not trusted: continued, linked from a new one, or forgotten. */
export type UntrustedTraces = "continue" | "restart" | "ignore";
export type ResourceDetectorName = "env" | "host" | "os" | "process" | "serviceinstance" | "all" | "none";
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** Limits of the batching span processor (specification: configuration/sdk-environment-variables.md, "Batch Span Processor"). */
export interface BatchConfig extends DeliveryLimits {
  /** Milliseconds that one delivery may take; a batch that failed stays queued, and is tried again. @default 30000 */
  readonly exportTimeoutMs: number;
}

export interface SpoolConfig {
  readonly folder: string | undefined;
  /** Of each exporter's items. @default 67108864 */
  readonly maxBytes: number;
}

export type LogLibrary = "pino" | "winston" | "bunyan" | "console";
export type RequestLogSinkName = "elasticsearch" | "console" | "otlp";
export type RequestLogSchema = "ecs" | "article" | "both";

export interface RequestLogConfig {
  /** @default none */
  readonly sinks: readonly RequestLogSinkName[];
  readonly schema: RequestLogSchema;
  /** Paths that are left out, `*` for any characters. */
  readonly exclude: readonly string[];
  readonly limits: DeliveryLimits;
  readonly elasticsearch: ElasticsearchConfig;
}

export interface ElasticsearchConfig {
  /** Base addresses: `http://localhost:9200`. */
  readonly destination: Destination;
  /** Data stream or index, with `%{+yyyy.MM.dd}` for the day. */
  readonly index: string;
  readonly ids: "span" | "auto";
  readonly installTemplate: boolean;
  readonly deadLetterFile: string | undefined;
}

/** Limits of one span; `Infinity` where there is none (specification: common/README.md, "Attribute Limits"). */
export interface SpanLimitsConfig {
  readonly attributeCountLimit: number;
  readonly attributeValueLengthLimit: number;
  readonly eventCountLimit: number;
  readonly linkCountLimit: number;
  readonly attributePerEventCountLimit: number;
  readonly attributePerLinkCountLimit: number;
}

export interface PrometheusConfig {
  readonly host: string;
  /** 0 means any free port. @default 9464 */
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string } | undefined;
  /** Lines `user:password`; undefined is open to whoever reaches the port. */
  readonly authFile: string | undefined;
  /** @default underscoreescapingwithsuffixes */
  readonly translationStrategy: TranslationStrategy;
  readonly scopeLabels: boolean;
  readonly targetInfo: boolean;
  /** Keys of resource attributes, `*` for any characters. */
  readonly resourceLabels: readonly string[];
  /** `_created` samples in OpenMetrics text. @default false */
  readonly created: boolean;
}

export interface RedactionConfig {
  /** Whether literals of database statements are replaced. @default true */
  readonly dbQueries: boolean;
  /** Attribute keys whose values are secrets, `*` for any characters. */
  readonly keys: readonly string[];
  /** RE2 patterns, as they were written. */
  readonly patterns: readonly string[];
}

export interface RequestIdConfig {
  readonly format: RequestIdFormat;
  /** Whether responses carry it. @default true */
  readonly echo: boolean;
  /** Names in lower case, in the order in which they are asked; the first is the one that is sent. Never empty. */
  readonly headers: readonly string[];
  readonly trust: RequestIdTrust;
}

export interface PropagationConfig {
  /** Networks, `10.0.0.0/8`, whose callers are trusted. */
  readonly trustedCidrs: readonly string[];
  readonly untrustedTraces: UntrustedTraces;
  /** `host` or `host:port` of the servers that get headers, `*` for any characters, in lower case. */
  readonly targets: readonly string[];
  /** Whether responses carry the trace, in Server-Timing. @default false */
  readonly serverTiming: boolean;
  /** Whether responses carry X-Response-Time. @default false */
  readonly responseTime: boolean;
}

/** Names in lower case. */
export interface MessageHeaders {
  readonly request: readonly string[];
  readonly response: readonly string[];
}

/** Headers that become attributes of spans. @default none */
export interface CapturedHeaders {
  readonly server: MessageHeaders;
  readonly client: MessageHeaders;
}

/** How the span that processes a message belongs to the trace of its sender. */
export type MessagingMode = "auto" | "parent" | "link" | "both";

export interface MessagingConfig {
  readonly mode: MessagingMode;
  /** By `messaging.system`: `rabbitmq`, `kafka`. */
  readonly modes: Readonly<Record<string, MessagingMode>>;
  /** Milliseconds after which `auto` links a message instead of continuing its trace. @default 60000 */
  readonly linkAfterMs: number;
  /** Redis streams (globs) whose entries carry the request as fields. @default none */
  readonly redisStreams?: readonly string[];
}

/** `join`: a request waits for the trace of its id; `link`: it goes on at once; `write`: nothing is asked. */
export type TraceStoreMode = "join" | "link" | "write";

export interface TraceStoreConfig {
  /** Undefined where there is no store. */
  readonly address: StoreAddress | undefined;
  readonly mode: TraceStoreMode;
  /** Milliseconds that a request may be held while the store is asked. @default 20 */
  readonly budgetMs: number;
  /** Milliseconds that a record lives. @default 300000 */
  readonly ttlMs: number;
  /** @default "default" */
  readonly namespace: string;
  readonly secret: string | undefined;
  /** PEM files. A CA file stands in place of the system's. */
  readonly tls: TlsFiles;
}

/** Where a field holds names as `string`, plug-ins may have added some to those that redtrail has. */
export interface Config {
  readonly engine: EngineName;
  /** What REDTRAIL_PLUGINS and OTEL_NODE_EXTENSIONS name. They are loaded before the rest is read. */
  readonly plugins: readonly string[];
  /** OTEL_SDK_DISABLED: no spans and no metrics; propagation stays. */
  readonly disabled: boolean;
  readonly logLevel: LogLevel;
  /** OTEL_SERVICE_NAME; undefined where the app's package.json has to give the name. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Attributes;
  readonly resourceDetectors: readonly string[];
  readonly propagators: readonly string[];
  readonly sampler: string;
  /** OTEL_TRACES_SAMPLER_ARG, 0 to 1. @default 1 */
  readonly samplerRatio: number;
  /** OTEL_TRACES_SAMPLER_ARG as it was written, for samplers of plug-ins. */
  readonly samplerArg: string | undefined;
  readonly sampling: {
    /** Of traces that begin here, for parent-based samplers; so is the limit. */
    readonly rules: readonly SamplingRule[];
    /** Traces in a second at most. @default undefined, without a limit */
    readonly perSecond: number | undefined;
    /** Whose failure keeps a trace that was not sampled. @default none */
    readonly keepErrors: KeepErrors;
    /** Milliseconds that a request has to exceed for its trace to be kept. @default undefined, for ever */
    readonly keepSlowMs: number | undefined;
    /** Spans that may wait for the end of their request. @default 10000 */
    readonly maxWaitingSpans: number;
  };
  readonly tracesExporters: readonly string[];
  readonly metricsExporters: readonly string[];
  /** Logs go out only as OTLP, by the engine `node-sdk`. @default none */
  readonly logsExporters: readonly ("otlp" | "none")[];
  /** Log libraries whose records get the ids of the request. @default pino, winston, bunyan */
  readonly logCorrelation: readonly LogLibrary[];
  readonly batch: BatchConfig;
  readonly spanLimits: SpanLimitsConfig;
  readonly zipkin: Destination;
  /** Where what is not delivered waits on disk; without a folder, nowhere. */
  readonly spool: SpoolConfig;
  readonly requestLog: RequestLogConfig;
  readonly prometheus: PrometheusConfig;
  /** Of a pushing metric reader (otlp, console), in milliseconds. */
  readonly metricExport: { readonly intervalMs: number; readonly timeoutMs: number };
  /** OTEL_EXPORTER_OTLP_PROTOCOL and its two signal forms. */
  readonly otlpProtocol: { readonly traces: OtlpProtocol; readonly metrics: OtlpProtocol };
  /** Short names of instrumentations that are on, in the order of instrumentations/index.ts. */
  readonly enabledInstrumentations: readonly string[];
  /** REDTRAIL_INSTRUMENTATION_<NAME>_<OPTION>, by their whole name, as they were written. */
  readonly instrumentationOptions: Readonly<Record<string, string>>;
  readonly requestId: RequestIdConfig;
  readonly propagation: PropagationConfig;
  readonly messaging: MessagingConfig;
  readonly traceStore: TraceStoreConfig;
  readonly redaction: RedactionConfig;
  readonly capturedHeaders: CapturedHeaders;
  readonly red: RedOptions;
  readonly runtimeMetrics: boolean;
  /** Whether the workers of a cluster share one metrics port. @default true */
  readonly mergeCluster: boolean;
  /** Whether redtrail runs in worker threads. @default false */
  readonly workerThreads: boolean;
  /** Milliseconds that a process end may wait for the last delivery. @default 2000 */
  readonly shutdownTimeoutMs: number;
}

export type OtlpProtocol = "grpc" | "http/protobuf" | "http/json";
