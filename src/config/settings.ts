// The one table of settings: what each is called, may be, is by default and means. The parser and README's table come from it.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

export type SettingType = "boolean" | "integer" | "ratio" | "choice" | "list" | "url" | "text" | "pairs";

export interface Setting {
  readonly name: string;
  readonly type: SettingType;
  /** As one would write it in the environment; absent where unset means something of its own, which `doc` says. */
  readonly default?: string;
  /** One sentence, for README. */
  readonly doc: string;
  /** Allowed values of a choice, allowed members of a list. */
  readonly values?: readonly string[];
  /** Values that OpenTelemetry defines and redtrail lacks: not a typing error, so told apart from one. */
  readonly unsupported?: readonly string[];
  /** Inclusive bounds of an integer. */
  readonly min?: number;
  readonly max?: number;
  /** Values may hold credentials, and are shown only with these replaced. */
  readonly secret?: boolean;
}

export interface SettingGroup {
  readonly title: string;
  readonly settings: readonly Setting[];
}

const count = { type: "integer", min: 1, max: 1_000_000_000 } as const;
const limit = { type: "integer", min: 0, max: 1_000_000_000 } as const;
const milliseconds = { type: "integer", min: 1, max: 2_147_483_647 } as const;
const OTLP_PROTOCOLS = ["grpc", "http/protobuf", "http/json"] as const;

export const SETTING_GROUPS: readonly SettingGroup[] = [
  {
    title: "General",
    settings: [
      {
        name: "OTEL_SERVICE_NAME",
        type: "text",
        doc: "The service's name. Unset: `service.name` of OTEL_RESOURCE_ATTRIBUTES, else the name in the app's package.json.",
      },
      {
        name: "OTEL_RESOURCE_ATTRIBUTES",
        type: "pairs",
        doc: "Further resource attributes, `key=value,key=value`, percent-encoded where need be.",
      },
      {
        name: "OTEL_NODE_RESOURCE_DETECTORS",
        type: "list",
        values: ["env", "host", "os", "process", "serviceinstance", "all", "none"],
        default: "env,host,os,process,serviceinstance",
        doc: "What the resource says of itself.",
      },
      {
        name: "OTEL_LOG_LEVEL",
        type: "choice",
        values: ["none", "error", "warn", "info", "debug", "verbose", "all"],
        default: "info",
        doc: "How much redtrail says on stderr.",
      },
      {
        name: "OTEL_SDK_DISABLED",
        type: "boolean",
        default: "false",
        doc: "`true`: no spans and no metrics; headers are still propagated.",
      },
      {
        name: "REDTRAIL_ENGINE",
        type: "choice",
        values: ["native", "node-sdk"],
        doc: "`native`: redtrail's exporters; `node-sdk`: upstream's NodeSDK and exporters. Unset: native, or node-sdk when an exporter names otlp.",
      },
      { name: "OTEL_NODE_ENABLED_INSTRUMENTATIONS", type: "list", default: "all", doc: "Only these instrumentations." },
      { name: "OTEL_NODE_DISABLED_INSTRUMENTATIONS", type: "list", doc: "Not these instrumentations." },
      {
        name: "REDTRAIL_SHUTDOWN_TIMEOUT",
        ...milliseconds,
        default: "2000",
        doc: "Milliseconds that the end of the process may wait for the last delivery.",
      },
    ],
  },
  {
    title: "Propagation and request id",
    settings: [
      {
        name: "OTEL_PROPAGATORS",
        type: "list",
        values: ["tracecontext", "baggage", "requestid", "b3", "b3multi", "none"],
        unsupported: ["jaeger", "xray", "ottrace"],
        default: "tracecontext,baggage,requestid",
        doc: "What is read from, and written to, headers.",
      },
      {
        name: "REDTRAIL_REQUEST_ID_FORMAT",
        type: "choice",
        values: ["uuid7", "uuid4", "hex32", "traceid"],
        default: "uuid7",
        doc: "How a new X-Request-ID is made.",
      },
      {
        name: "REDTRAIL_REQUEST_ID_ECHO",
        type: "boolean",
        default: "true",
        doc: "Whether responses carry the X-Request-ID.",
      },
    ],
  },
  {
    title: "Traces",
    settings: [
      {
        name: "OTEL_TRACES_EXPORTER",
        type: "list",
        values: ["zipkin", "otlp", "console", "none"],
        default: "zipkin",
        doc: "Where spans go.",
      },
      {
        name: "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
        type: "url",
        default: "http://localhost:9411/api/v2/spans",
        secret: true,
        doc: "Zipkin's address; credentials in it become basic auth.",
      },
      {
        name: "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
        ...milliseconds,
        default: "10000",
        doc: "Milliseconds for one request to Zipkin, answer included.",
      },
      {
        name: "OTEL_TRACES_SAMPLER",
        type: "choice",
        values: [
          "always_on",
          "always_off",
          "traceidratio",
          "parentbased_always_on",
          "parentbased_always_off",
          "parentbased_traceidratio",
        ],
        unsupported: ["jaeger_remote", "parentbased_jaeger_remote", "xray"],
        default: "parentbased_always_on",
        doc: "Which traces are sent; metrics count all.",
      },
      {
        name: "OTEL_TRACES_SAMPLER_ARG",
        type: "ratio",
        default: "1",
        doc: "The ratio, 0 to 1. Set alone it means parentbased_traceidratio.",
      },
      {
        name: "OTEL_BSP_MAX_QUEUE_SIZE",
        ...count,
        default: "2048",
        doc: "Spans that may wait; beyond it the oldest is dropped, and counted.",
      },
      { name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", ...count, default: "512", doc: "Spans in one request at most." },
      { name: "OTEL_BSP_SCHEDULE_DELAY", ...limit, default: "5000", doc: "Milliseconds that a span waits for others." },
      {
        name: "OTEL_BSP_EXPORT_TIMEOUT",
        ...milliseconds,
        default: "30000",
        doc: "Milliseconds that one delivery may take.",
      },
      { name: "OTEL_ATTRIBUTE_COUNT_LIMIT", ...limit, default: "128", doc: "Attributes of a span." },
      {
        name: "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        ...limit,
        doc: "Characters of an attribute's value. Unset: no limit.",
      },
      {
        name: "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        ...limit,
        doc: "The same, for spans only. Unset: OTEL_ATTRIBUTE_COUNT_LIMIT.",
      },
      {
        name: "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        ...limit,
        doc: "The same, for spans only. Unset: OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT.",
      },
      { name: "OTEL_SPAN_EVENT_COUNT_LIMIT", ...limit, default: "128", doc: "Events of a span." },
      { name: "OTEL_SPAN_LINK_COUNT_LIMIT", ...limit, default: "128", doc: "Links of a span." },
      { name: "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", ...limit, default: "128", doc: "Attributes of an event." },
      { name: "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", ...limit, default: "128", doc: "Attributes of a link." },
    ],
  },
  {
    title: "Metrics and logs",
    settings: [
      {
        name: "OTEL_METRICS_EXPORTER",
        type: "list",
        values: ["prometheus", "otlp", "console", "none"],
        default: "prometheus",
        doc: "Where metrics go.",
      },
      {
        name: "OTEL_EXPORTER_PROMETHEUS_HOST",
        type: "text",
        default: "localhost",
        doc: "The address that the metrics are served on; `0.0.0.0` in a container.",
      },
      {
        name: "OTEL_EXPORTER_PROMETHEUS_PORT",
        type: "integer",
        min: 0,
        max: 65_535,
        default: "9464",
        doc: "The port; 0 is any free one.",
      },
      {
        name: "REDTRAIL_RED_SERIES_LIMIT",
        ...count,
        default: "2000",
        doc: "Series per metric family; further ones are counted together.",
      },
      {
        name: "OTEL_METRIC_EXPORT_INTERVAL",
        ...milliseconds,
        default: "60000",
        doc: "Milliseconds between two pushes (otlp, console).",
      },
      {
        name: "OTEL_METRIC_EXPORT_TIMEOUT",
        ...milliseconds,
        default: "30000",
        doc: "Milliseconds that one push may take.",
      },
      {
        name: "OTEL_LOGS_EXPORTER",
        type: "list",
        values: ["otlp", "none"],
        default: "none",
        doc: "Where records of the logs API go.",
      },
    ],
  },
  {
    title: "OTLP (engine node-sdk; its other OTEL_EXPORTER_OTLP_* settings are upstream's)",
    settings: [
      {
        name: "OTEL_EXPORTER_OTLP_PROTOCOL",
        type: "choice",
        values: OTLP_PROTOCOLS,
        default: "http/protobuf",
        doc: "The protocol of all signals.",
      },
      {
        name: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        type: "choice",
        values: OTLP_PROTOCOLS,
        doc: "Of traces. Unset: OTEL_EXPORTER_OTLP_PROTOCOL.",
      },
      {
        name: "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        type: "choice",
        values: OTLP_PROTOCOLS,
        doc: "Of metrics. Unset: OTEL_EXPORTER_OTLP_PROTOCOL.",
      },
    ],
  },
];

export const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  SETTING_GROUPS.flatMap(({ settings }) => settings.map((setting) => [setting.name, setting])),
);

/** Variables that OpenTelemetry defines and that upstream's parts read themselves, by name or by the name's beginning. */
export const PASSED_THROUGH: { readonly names: readonly string[]; readonly prefixes: readonly string[] } = {
  names: ["OTEL_CONFIG_FILE", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_SEMCONV_STABILITY_OPT_IN"],
  prefixes: [
    "OTEL_BLRP_",
    "OTEL_EXPERIMENTAL_",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_INSTRUMENTATION_",
    "OTEL_LOGRECORD_",
    "OTEL_NODE_EXPERIMENTAL_",
  ],
};
