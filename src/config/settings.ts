// The one table of settings: what each is called, may be, is by default and means. The parser and README's table come from it.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

export type SettingType =
  | "boolean"
  | "integer"
  | "ratio"
  | "choice"
  /** Members of `values`, in lower case. */
  | "list"
  /** Members as they are written. */
  | "texts"
  /** Numbers above 0, in order. */
  | "numbers"
  /** One or more, with commas between. */
  | "urls"
  | "text"
  | "pairs";

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

/** Credentials and TLS of a server that we send to. */
function destinationSettings(prefix: string): Setting[] {
  return [
    { name: `${prefix}_USERNAME`, type: "text", doc: "For basic authentication." },
    { name: `${prefix}_PASSWORD`, type: "text", secret: true, doc: "For basic authentication." },
    { name: `${prefix}_API_KEY`, type: "text", secret: true, doc: "Sent as `Authorization: ApiKey ...`." },
    { name: `${prefix}_BEARER_TOKEN`, type: "text", secret: true, doc: "Sent as `Authorization: Bearer ...`." },
    { name: `${prefix}_HEADERS`, type: "pairs", secret: true, doc: "Further headers, `name=value,name=value`." },
    { name: `${prefix}_CA_FILE`, type: "text", doc: "Certificates to trust (PEM), in place of the system's." },
    { name: `${prefix}_CLIENT_CERT_FILE`, type: "text", doc: "A certificate of our own (PEM)." },
    { name: `${prefix}_CLIENT_KEY_FILE`, type: "text", doc: "Its private key (PEM)." },
  ];
}

/** Loopback, private and link-local addresses. */
export const DEFAULT_TRUSTED_CIDRS: readonly string[] = [
  ...["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
  ...["::1/128", "fc00::/7", "fe80::/10"],
];

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
      {
        name: "OTEL_NODE_ENABLED_INSTRUMENTATIONS",
        type: "list",
        doc: "Only these instrumentations; `all` also turns on what is off by default. Unset: those that are on by default.",
      },
      { name: "OTEL_NODE_DISABLED_INSTRUMENTATIONS", type: "list", doc: "Not these instrumentations." },
      {
        name: "REDTRAIL_PLUGINS",
        type: "texts",
        doc: "Plug-ins to load before the app: files, `./my.mjs`, and packages, `@scope/plug-in`. See docs/plugins.md.",
      },
      {
        name: "OTEL_NODE_EXTENSIONS",
        type: "texts",
        doc: "Further ones; OpenTelemetry's name for the same.",
      },
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
        values: [
          ...["tracecontext", "baggage", "requestid", "b3", "b3multi", "xray", "jaeger", "ottrace"],
          ...["legacy", "peer", "none"],
        ],
        default: "tracecontext,baggage,requestid",
        doc: "What is read from, and written to, headers. `legacy`: X-Trace-ID, X-Span-ID, X-Parent-Span-ID; `peer`: X-Peer-Service, -Host, -Port.",
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
      {
        name: "REDTRAIL_REQUEST_ID_HEADERS",
        type: "texts",
        default: "x-request-id,x-correlation-id",
        doc: "Headers that may bring a request id, the first that has a valid one wins; the first of the list is sent.",
      },
      {
        name: "REDTRAIL_REQUEST_ID_TRUST",
        type: "choice",
        values: ["accept", "internal", "never"],
        default: "accept",
        doc: "Whose request ids are taken: everybody's, those of REDTRAIL_TRUSTED_CIDRS, nobody's (at the edge).",
      },
      {
        name: "REDTRAIL_TRUSTED_CIDRS",
        type: "texts",
        default: DEFAULT_TRUSTED_CIDRS.join(","),
        doc: "Networks that callers are trusted from, by the address of the connection.",
      },
      {
        name: "REDTRAIL_PROPAGATION_EXTRACT",
        type: "choice",
        values: ["continue", "restart", "ignore"],
        default: "continue",
        doc: "The trace of a caller who is not trusted: it is continued, a new one links to it, or it is ignored.",
      },
      {
        name: "REDTRAIL_PROPAGATION_TARGETS",
        type: "texts",
        default: "*",
        doc: "Servers that outgoing HTTP carries headers to, `host` or `host:port`, `*` for any characters.",
      },
      {
        name: "REDTRAIL_SERVER_TIMING",
        type: "boolean",
        default: "false",
        doc: "Whether responses carry the trace, as `Server-Timing: trace;desc=...`.",
      },
      {
        name: "REDTRAIL_RESPONSE_TIME",
        type: "boolean",
        default: "false",
        doc: "Whether responses carry X-Response-Time, in milliseconds.",
      },
    ],
  },
  {
    title: "Messaging",
    settings: [
      {
        name: "REDTRAIL_MESSAGING_MODE",
        type: "texts",
        default: "auto",
        doc: "How the processing of a message belongs to its sender's trace: `parent`, `link`, `both`, or `auto` (link what is a batch or old); also by system, `auto,kafka=link`.",
      },
      {
        name: "REDTRAIL_MESSAGING_LINK_AFTER",
        ...milliseconds,
        default: "60000",
        doc: "Milliseconds that a message may have waited for `auto` to continue its trace.",
      },
      {
        name: "REDTRAIL_MESSAGING_REDIS_STREAMS",
        type: "texts",
        doc: "Redis streams (keys; `*` for any characters) whose entries get fields more: trace, request id, time. Consumers see them.",
      },
    ],
  },
  {
    title: "Shared storage (docs/trace-store.md)",
    settings: [
      {
        name: "REDTRAIL_TRACE_STORE_URL",
        type: "text",
        secret: true,
        doc: "Where services find each other's traces by request id: `redis://user:password@host:6379/0`, `rediss://` (TLS), `unix:///path?db=0`, `memory:` (this process). Unset: nowhere.",
      },
      {
        name: "REDTRAIL_TRACE_STORE_MODE",
        type: "choice",
        values: ["join", "link", "write"],
        default: "join",
        doc: "What a request does that came with an id and without a trace: wait for the trace of its id and continue it, go on at once and link to it, or neither (only write, at the edge).",
      },
      {
        name: "REDTRAIL_TRACE_STORE_BUDGET",
        type: "integer",
        min: 1,
        max: 1_000,
        default: "20",
        doc: "Milliseconds that such a request may wait; a later answer becomes a link.",
      },
      {
        name: "REDTRAIL_TRACE_STORE_TTL",
        ...milliseconds,
        default: "300000",
        doc: "Milliseconds that a trace is kept.",
      },
      {
        name: "REDTRAIL_TRACE_STORE_NAMESPACE",
        type: "text",
        default: "default",
        doc: "Services that share traces have the same: 1 to 64 of letters, digits, `.`, `_`, `-`.",
      },
      {
        name: "REDTRAIL_TRACE_STORE_SECRET",
        type: "text",
        secret: true,
        doc: "The same for all these services: records are signed, and keys do not show request ids.",
      },
      {
        name: "REDTRAIL_TRACE_STORE_CA_FILE",
        type: "text",
        doc: "Certificates to trust (PEM), in place of the system's.",
      },
      { name: "REDTRAIL_TRACE_STORE_CLIENT_CERT_FILE", type: "text", doc: "A certificate of our own (PEM)." },
      { name: "REDTRAIL_TRACE_STORE_CLIENT_KEY_FILE", type: "text", doc: "Its private key (PEM)." },
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
        type: "urls",
        default: "http://localhost:9411/api/v2/spans",
        secret: true,
        doc: "Zipkin's address, or several with commas between; credentials in it become basic auth.",
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
        name: "REDTRAIL_SAMPLING_RULES",
        type: "text",
        doc: "Ratios for some of the traces that begin here, the first rule that fits: `drop path=/health*; 0.1 method=GET route=/users/:id; keep header.x-debug=*`.",
      },
      {
        name: "REDTRAIL_SAMPLING_RATE_LIMIT",
        ...count,
        doc: "Traces that may begin in this process in one second, on average, and be sent. Unset: any number.",
      },
      {
        name: "REDTRAIL_SAMPLING_KEEP_ERRORS",
        type: "choice",
        values: ["false", "true", "root"],
        default: "false",
        doc: "Whether a trace that is not sampled is sent all the same when a span of it fails here; `root`: when the request itself does.",
      },
      {
        name: "REDTRAIL_SAMPLING_KEEP_SLOW",
        ...milliseconds,
        doc: "Milliseconds; a trace that is not sampled is sent all the same when its request takes longer here. Unset: none is.",
      },
      {
        name: "REDTRAIL_SAMPLING_BUFFER_SPANS",
        ...count,
        default: "10000",
        doc: "Spans that may wait for the end of their request, for the two settings above and for rules by route; beyond it the oldest request's are dropped, and counted.",
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
        name: "OTEL_METRICS_EXEMPLAR_FILTER",
        type: "choice",
        values: ["trace_based", "always_on", "always_off"],
        default: "trace_based",
        doc: "Which spans may be exemplars; `trace_based`: sampled ones.",
      },
      {
        name: "REDTRAIL_RUNTIME_METRICS",
        type: "boolean",
        default: "true",
        doc: "Event loop, garbage collection, heap, CPU, handles.",
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
      {
        name: "REDTRAIL_LOG_CORRELATION",
        type: "list",
        values: ["pino", "winston", "bunyan", "console", "none"],
        default: "pino,winston,bunyan",
        doc: "Whose records get `request_id`, `trace_id` and `span_id` inside of a request. `console`: lines of JSON written with console.log.",
      },
    ],
  },
  {
    title: "RED metrics",
    settings: [
      {
        name: "REDTRAIL_RED_METRICS",
        type: "list",
        values: ["http", "db", "messaging", "rpc", "spanmetrics", "none"],
        default: "http,db,messaging,rpc,spanmetrics",
        doc: "Which metrics are made of spans.",
      },
      {
        name: "REDTRAIL_RED_PROFILE",
        type: "choice",
        values: ["collector", "tempo", "both"],
        default: "collector",
        doc: "Names of the span metrics: the Collector's (`traces_span_metrics_*`), Tempo's (`traces_spanmetrics_*`), or both.",
      },
      {
        name: "REDTRAIL_RED_UNIT",
        type: "choice",
        values: ["s", "ms"],
        default: "s",
        doc: "Unit of the span metrics' durations; Tempo's are in seconds.",
      },
      {
        name: "REDTRAIL_RED_NAMESPACE",
        type: "text",
        default: "traces.span.metrics",
        doc: "What the Collector profile's names begin with.",
      },
      {
        name: "REDTRAIL_RED_DIMENSIONS",
        type: "texts",
        doc: "Further labels of the span metrics, `key[=default][@calls|duration]`: a span attribute, else a resource attribute, else the default.",
      },
      {
        name: "REDTRAIL_RED_EXCLUDE",
        type: "texts",
        doc: "Spans that are not counted: `route:/healthz`, `name:GET /internal/*`, `kind:producer`, `scope:@opentelemetry/*`.",
      },
      {
        name: "REDTRAIL_RED_ERRORS",
        type: "texts",
        doc: "Answers that count as errors, `server:5xx,server:429,client:5xx`. Unset: server 5xx, client 4xx and 5xx.",
      },
      {
        name: "REDTRAIL_RED_ABORTED",
        type: "choice",
        values: ["separate", "exclude", "include"],
        default: "separate",
        doc: "Requests that break off: series of their own (`error_type`), in no duration, or as others.",
      },
      {
        name: "REDTRAIL_RED_STREAMS",
        type: "choice",
        values: ["exclude", "include"],
        default: "exclude",
        doc: "Whether event streams count in the durations.",
      },
      {
        name: "REDTRAIL_RED_BUCKETS",
        type: "numbers",
        doc: "Histogram bounds in seconds, in place of the conventions' (not of db).",
      },
      {
        name: "REDTRAIL_RED_SLO",
        type: "numbers",
        doc: "Further bounds in seconds: objectives, or `0.3,1.2` for an apdex of 0.3.",
      },
      {
        name: "REDTRAIL_RED_NATIVE_HISTOGRAMS",
        type: "boolean",
        default: "true",
        doc: "Whether histograms are kept as native ones too; Prometheus takes them over protobuf.",
      },
      {
        name: "REDTRAIL_RED_SERIES_LIMIT",
        ...count,
        default: "2000",
        doc: "Series per metric; further ones are counted together.",
      },
      {
        name: "REDTRAIL_RED_LABEL_LIMITS",
        type: "pairs",
        doc: "Distinct values per label, beyond which one is `_other`: `http.route=512,span.name=1024,error.type=64` and 512 of others are the defaults.",
      },
      {
        name: "REDTRAIL_RED_IDLE_AFTER",
        ...limit,
        default: "900000",
        doc: "Milliseconds after which an idle series gives way to a new one, if there is no room; 0 is never.",
      },
      {
        name: "REDTRAIL_RED_TEMPLATE_IDS",
        type: "boolean",
        default: "false",
        doc: "Whether numbers, UUIDs, hashes, dates and the like in span names and routes become `{id}`.",
      },
    ],
  },
  {
    title: "Prometheus",
    settings: [
      {
        name: "REDTRAIL_PROMETHEUS_TRANSLATION_STRATEGY",
        type: "choice",
        values: [
          "underscoreescapingwithsuffixes",
          "underscoreescapingwithoutsuffixes",
          "noutf8escapingwithsuffixes",
          "notranslation",
        ],
        default: "underscoreescapingwithsuffixes",
        doc: "How OpenTelemetry's names become Prometheus'.",
      },
      {
        name: "REDTRAIL_PROMETHEUS_SCOPE_LABELS",
        type: "boolean",
        default: "true",
        doc: "Whether samples say which instrumentation they are of (`otel_scope_*`).",
      },
      {
        name: "REDTRAIL_PROMETHEUS_TARGET_INFO",
        type: "boolean",
        default: "true",
        doc: "Whether the resource goes out as `target_info`.",
      },
      {
        name: "REDTRAIL_PROMETHEUS_RESOURCE_LABELS",
        type: "texts",
        doc: "Resource attributes that every sample carries, with `*` for any characters: `service.version,k8s.*`.",
      },
      {
        name: "REDTRAIL_PROMETHEUS_CREATED",
        type: "boolean",
        default: "false",
        doc: "Whether OpenMetrics text has `_created` samples; protobuf always carries start times.",
      },
      {
        name: "REDTRAIL_PROMETHEUS_TLS_CERT_FILE",
        type: "text",
        doc: "Certificate (PEM) that metrics are served with over https; read again when it changes.",
      },
      { name: "REDTRAIL_PROMETHEUS_TLS_KEY_FILE", type: "text", doc: "The certificate's private key (PEM)." },
      {
        name: "REDTRAIL_PROMETHEUS_TLS_CLIENT_CA_FILE",
        type: "text",
        doc: "Only clients with a certificate of these authorities (PEM) are served.",
      },
      {
        name: "REDTRAIL_PROMETHEUS_AUTH_FILE",
        type: "text",
        doc: "Lines `user:password` (plain, or `scrypt:N:r:p:salt:hash`): metrics need basic authentication.",
      },
      {
        name: "REDTRAIL_CLUSTER_METRICS",
        type: "choice",
        values: ["merge", "separate"],
        default: "merge",
        doc: "Workers of node:cluster and of PM2's cluster mode: one port with their sum, or a port each.",
      },
      {
        name: "REDTRAIL_WORKER_THREADS",
        type: "boolean",
        default: "false",
        doc: "Whether redtrail runs in worker threads too; their metrics count in the process's.",
      },
    ],
  },
  {
    title: "Redaction and headers",
    settings: [
      {
        name: "REDTRAIL_REDACT_DB_QUERIES",
        type: "boolean",
        default: "true",
        doc: "Whether literals of database statements become `?`.",
      },
      {
        name: "REDTRAIL_REDACT_KEYS",
        type: "texts",
        doc: "Span attributes whose values are replaced, `*` for any characters, whatever the case: `user.email,*password*`.",
      },
      {
        name: "REDTRAIL_REDACT_PATTERNS",
        type: "text",
        doc: "Regular expressions (RE2), one per line or with `;;` between; what they match in any text of a span is replaced: `sk_live_\\w+;;\\d{4}-\\d{4}`.",
      },
      {
        name: "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS",
        type: "texts",
        doc: "Headers of requests that become attributes `http.request.header.<name>` of SERVER spans.",
      },
      {
        name: "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS",
        type: "texts",
        doc: "Headers of their responses, `http.response.header.<name>`.",
      },
      {
        name: "OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS",
        type: "texts",
        doc: "The same of outgoing calls, on CLIENT spans.",
      },
      {
        name: "OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS",
        type: "texts",
        doc: "Headers of the responses to them.",
      },
    ],
  },
  {
    title: "Request log",
    settings: [
      {
        name: "REDTRAIL_REQUEST_LOG",
        type: "list",
        values: ["elasticsearch", "console", "otlp", "none"],
        default: "none",
        doc: "Where one record of each request goes, sampled or not. `console`: JSON lines on stdout; `otlp`: the OpenTelemetry logs API.",
      },
      {
        name: "REDTRAIL_REQUEST_LOG_SCHEMA",
        type: "choice",
        values: ["ecs", "article", "both"],
        default: "ecs",
        doc: "Field names: Elastic Common Schema; `timestamp`, `request_id`, `method`, `path`, `status_code`, `response_time`; or both.",
      },
      {
        name: "REDTRAIL_REQUEST_LOG_EXCLUDE",
        type: "texts",
        doc: "Paths that are left out, `*` for any characters: `/healthz,/internal/*`.",
      },
      {
        name: "REDTRAIL_REQUEST_LOG_QUEUE_SIZE",
        ...count,
        default: "20000",
        doc: "Records that may wait; beyond it they go to the spool, or the oldest is dropped, and counted.",
      },
      { name: "REDTRAIL_REQUEST_LOG_BATCH_SIZE", ...count, default: "500", doc: "Records in one request at most." },
      {
        name: "REDTRAIL_REQUEST_LOG_DELAY",
        ...limit,
        default: "1000",
        doc: "Milliseconds that a record waits for others.",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_URL",
        type: "urls",
        default: "http://localhost:9200",
        secret: true,
        doc: "Elasticsearch's or OpenSearch's address, or several with commas between; credentials in it become basic auth.",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_INDEX",
        type: "text",
        default: "logs-nodejs.request-default",
        doc: "Data stream or index; `%{+yyyy.MM.dd}` in it becomes the record's day (UTC).",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_IDS",
        type: "choice",
        values: ["span", "auto"],
        default: "span",
        doc: "`span`: document ids from trace and span id, so that no retry makes a duplicate; `auto`: Elasticsearch's, indexed faster.",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_TEMPLATE",
        type: "boolean",
        default: "false",
        doc: "`true`: at the start the index template is installed, if there is none of its name.",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_DEAD_LETTER_FILE",
        type: "text",
        doc: "Where records go that Elasticsearch refuses for good: JSON lines, 10 MiB at most, and one older file. Unset: dropped.",
      },
      {
        name: "REDTRAIL_ELASTICSEARCH_TIMEOUT",
        ...milliseconds,
        default: "10000",
        doc: "Milliseconds for one request, answer included.",
      },
      ...destinationSettings("REDTRAIL_ELASTICSEARCH"),
    ],
  },
  {
    title: "Delivery (Zipkin and Elasticsearch)",
    settings: [
      {
        name: "REDTRAIL_QUEUE_BYTES",
        ...count,
        default: "16777216",
        doc: "Bytes that may wait in memory, for each of the two.",
      },
      { name: "REDTRAIL_BATCH_BYTES", ...count, default: "1048576", doc: "Bytes in one request at most." },
      {
        name: "REDTRAIL_SPOOL_DIR",
        type: "text",
        doc: "A folder for what memory has no room for, and what is not delivered when the process ends; processes may share it. Unset: none.",
      },
      {
        name: "REDTRAIL_SPOOL_BYTES",
        ...count,
        default: "67108864",
        doc: "Bytes in that folder, for each of the two; the oldest are dropped beyond it.",
      },
      ...destinationSettings("REDTRAIL_ZIPKIN"),
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
  names: ["OTEL_CONFIG_FILE", "OTEL_SEMCONV_STABILITY_OPT_IN"],
  prefixes: [
    "OTEL_BLRP_",
    "OTEL_EXPERIMENTAL_",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_INSTRUMENTATION_",
    "OTEL_LOGRECORD_",
    "OTEL_NODE_EXPERIMENTAL_",
    "REDTRAIL_INSTRUMENTATION_",
  ],
};
