import assert from "node:assert/strict";
import test from "node:test";
import type { Config } from "../../src/config/config.ts";
import { readConfig } from "../../src/config/read.ts";
import type { Destination } from "../../src/exporters/delivery/target.ts";
import { DEFAULT_TRUSTED_CIDRS, SETTINGS, SETTING_GROUPS } from "../../src/config/settings.ts";
import { RED_DEFAULTS } from "../../src/metrics/red-options.ts";

const NAMES = ["http", "undici", "express"];

function read(env: Record<string, string>): { config: Config; problems: readonly string[] } {
  return readConfig(env, NAMES);
}

test("readConfig gives the documented defaults for an empty environment, and no problem", () => {
  assert.deepEqual(read({}), {
    config: {
      engine: "native",
      plugins: [],
      disabled: false,
      logLevel: "info",
      serviceName: undefined,
      resourceAttributes: {},
      resourceDetectors: ["env", "host", "os", "process", "serviceinstance"],
      propagators: ["tracecontext", "baggage", "requestid"],
      sampler: "parentbased_always_on",
      samplerRatio: 1,
      sampling: {
        rules: [],
        perSecond: undefined,
        keepErrors: "none",
        keepSlowMs: undefined,
        maxWaitingSpans: 10000,
      },
      samplerArg: undefined,
      tracesExporters: ["zipkin"],
      metricsExporters: ["prometheus"],
      logsExporters: ["none"],
      logCorrelation: ["pino", "winston", "bunyan"],
      batch: {
        maxQueueSize: 2048,
        maxQueueBytes: 16777216,
        maxExportBatchSize: 512,
        maxExportBatchBytes: 1048576,
        scheduleDelayMs: 5000,
        exportTimeoutMs: 30000,
      },
      spanLimits: {
        attributeCountLimit: 128,
        attributeValueLengthLimit: Infinity,
        eventCountLimit: 128,
        linkCountLimit: 128,
        attributePerEventCountLimit: 128,
        attributePerLinkCountLimit: 128,
      },
      zipkin: { urls: ["http://localhost:9411/api/v2/spans"], timeoutMs: 10000, headers: {}, proxy: {} },
      spool: { folder: undefined, maxBytes: 67108864 },
      requestLog: {
        sinks: [],
        schema: "ecs",
        exclude: [],
        limits: {
          maxQueueSize: 20000,
          maxQueueBytes: 16777216,
          maxExportBatchSize: 500,
          maxExportBatchBytes: 1048576,
          scheduleDelayMs: 1000,
        },
        elasticsearch: {
          destination: { urls: ["http://localhost:9200"], timeoutMs: 10000, headers: {}, proxy: {} },
          index: "logs-nodejs.request-default",
          ids: "span",
          installTemplate: false,
          deadLetterFile: undefined,
        },
      },
      prometheus: {
        host: "localhost",
        port: 9464,
        tls: undefined,
        authFile: undefined,
        translationStrategy: "underscoreescapingwithsuffixes",
        scopeLabels: true,
        targetInfo: true,
        resourceLabels: [],
        created: false,
      },
      metricExport: { intervalMs: 60000, timeoutMs: 30000 },
      otlpProtocol: { traces: "http/protobuf", metrics: "http/protobuf" },
      enabledInstrumentations: NAMES,
      instrumentationOptions: {},
      requestId: { format: "uuid7", echo: true, headers: ["x-request-id", "x-correlation-id"], trust: "accept" },
      propagation: {
        trustedCidrs: DEFAULT_TRUSTED_CIDRS,
        untrustedTraces: "continue",
        targets: ["*"],
        serverTiming: false,
        responseTime: false,
      },
      messaging: { mode: "auto", modes: {}, linkAfterMs: 60_000, redisStreams: [] },
      traceStore: {
        address: undefined,
        mode: "join",
        budgetMs: 20,
        ttlMs: 300_000,
        namespace: "default",
        secret: undefined,
        tls: {},
      },
      redaction: { dbQueries: true, keys: [], patterns: [] },
      capturedHeaders: { server: { request: [], response: [] }, client: { request: [], response: [] } },
      red: RED_DEFAULTS,
      runtimeMetrics: true,
      mergeCluster: true,
      workerThreads: false,
      shutdownTimeoutMs: 2000,
    },
    problems: [],
  });
});

test("readConfig takes a blank value as unset", () => {
  assert.deepEqual(read({ OTEL_BSP_SCHEDULE_DELAY: " ", OTEL_TRACES_EXPORTER: "" }), read({}));
});

/** The settings that Zipkin and Elasticsearch share, by their prefix. */
function destinationRows(prefix: string): [string, string, (config: Config) => unknown, unknown][] {
  const of = ({ zipkin, requestLog }: Config): Destination =>
    prefix.endsWith("ZIPKIN") ? zipkin : requestLog.elasticsearch.destination;
  const row = (name: string, value: string, pick: (one: Destination) => unknown, expected: unknown) =>
    [`${prefix}_${name}`, value, (config: Config) => pick(of(config)), expected] as [
      string,
      string,
      (config: Config) => unknown,
      unknown,
    ];
  return [
    row("USERNAME", "me", ({ headers }) => headers?.["authorization"], `Basic ${btoa("me:")}`),
    row("PASSWORD", "p:w", ({ headers }) => headers?.["authorization"], `Basic ${btoa(":p:w")}`),
    row("API_KEY", "k", ({ headers }) => headers?.["authorization"], "ApiKey k"),
    row("BEARER_TOKEN", "t", ({ headers }) => headers?.["authorization"], "Bearer t"),
    row("HEADERS", "a=b,c=d%2C", ({ headers }) => headers, { a: "b", c: "d," }),
    row("CA_FILE", "/ca", ({ tls }) => tls, { caFile: "/ca" }),
    row("CLIENT_CERT_FILE", "/cert", ({ tls }) => tls, { certFile: "/cert" }),
    row("CLIENT_KEY_FILE", "/key", ({ tls }) => tls, { keyFile: "/key" }),
  ];
}

/** Variable, value, and what becomes of the configuration; none of them is a problem. */
const accepted: readonly (readonly [string, string, (config: Config) => unknown, unknown])[] = [
  ["OTEL_SDK_DISABLED", "TRUE", (config) => config.disabled, true],
  ["OTEL_SDK_DISABLED", "false", (config) => config.disabled, false],
  ["OTEL_LOG_LEVEL", "DEBUG", (config) => config.logLevel, "debug"],
  ["OTEL_SERVICE_NAME", " shop ", (config) => config.serviceName, "shop"],
  [
    "OTEL_RESOURCE_ATTRIBUTES",
    "service.name=a%20b,x=1=2",
    (config) => config.resourceAttributes,
    { "service.name": "a b", x: "1=2" },
  ],
  ["OTEL_RESOURCE_ATTRIBUTES", "service.name=shop", (config) => config.serviceName, "shop"],
  ["OTEL_NODE_RESOURCE_DETECTORS", "none", (config) => config.resourceDetectors, ["none"]],
  ["OTEL_PROPAGATORS", "b3,requestid,b3", (config) => config.propagators, ["b3", "requestid"]],
  ["OTEL_TRACES_SAMPLER", "always_off", (config) => config.sampler, "always_off"],
  [
    "REDTRAIL_SAMPLING_RULES",
    "drop path=/health*; keep method=get;",
    (config) => config.sampling.rules,
    [
      { ratio: 0, drops: true, path: "/health*", headers: [] },
      { ratio: 1, method: "GET", headers: [] },
    ],
  ],
  [
    "REDTRAIL_MESSAGING_MODE",
    "link,Kafka=Parent",
    ({ messaging }) => [messaging.mode, messaging.modes],
    ["link", { kafka: "parent" }],
  ],
  ["REDTRAIL_MESSAGING_LINK_AFTER", "5", (config) => config.messaging.linkAfterMs, 5],
  ["REDTRAIL_TRACE_STORE_URL", "memory:", ({ traceStore }) => traceStore.address, { kind: "memory" }],
  ["REDTRAIL_TRACE_STORE_MODE", "link", ({ traceStore }) => traceStore.mode, "link"],
  ["REDTRAIL_TRACE_STORE_NAMESPACE", "eu-1", ({ traceStore }) => traceStore.namespace, "eu-1"],
  ["REDTRAIL_TRACE_STORE_SECRET", "s", ({ traceStore }) => traceStore.secret, "s"],
  ["REDTRAIL_TRACE_STORE_CA_FILE", "ca.pem", ({ traceStore }) => traceStore.tls, { caFile: "ca.pem" }],
  ["REDTRAIL_TRACE_STORE_CLIENT_CERT_FILE", "c.pem", ({ traceStore }) => traceStore.tls, { certFile: "c.pem" }],
  ["REDTRAIL_TRACE_STORE_CLIENT_KEY_FILE", "k.pem", ({ traceStore }) => traceStore.tls, { keyFile: "k.pem" }],
  [
    "REDTRAIL_MESSAGING_REDIS_STREAMS",
    "orders, events:*",
    (config) => config.messaging.redisStreams,
    ["orders", "events:*"],
  ],
  ["REDTRAIL_SAMPLING_RATE_LIMIT", "50", (config) => config.sampling.perSecond, 50],
  ["REDTRAIL_SAMPLING_KEEP_ERRORS", "True", (config) => config.sampling.keepErrors, "any"],
  ["REDTRAIL_SAMPLING_KEEP_ERRORS", "root", (config) => config.sampling.keepErrors, "root"],
  ["REDTRAIL_SAMPLING_KEEP_ERRORS", "false", (config) => config.sampling.keepErrors, "none"],
  ["REDTRAIL_SAMPLING_KEEP_SLOW", "1", (config) => config.sampling.keepSlowMs, 1],
  ["REDTRAIL_SAMPLING_BUFFER_SPANS", "1", (config) => config.sampling.maxWaitingSpans, 1],
  ["OTEL_TRACES_EXPORTER", "none", (config) => config.tracesExporters, ["none"]],
  ["OTEL_TRACES_EXPORTER", "Zipkin, console", (config) => config.tracesExporters, ["zipkin", "console"]],
  ["OTEL_TRACES_EXPORTER", "otlp", (config) => config.engine, "node-sdk"],
  ["OTEL_METRICS_EXPORTER", "otlp,prometheus", (config) => config.engine, "node-sdk"],
  ["OTEL_LOGS_EXPORTER", "otlp", (config) => config.engine, "node-sdk"],
  ["REDTRAIL_ENGINE", "node-sdk", (config) => config.engine, "node-sdk"],
  ["REDTRAIL_REDACT_DB_QUERIES", "false", (config) => config.redaction.dbQueries, false],
  ["REDTRAIL_PLUGINS", "./My.mjs, @a/B", (config) => config.plugins, ["./My.mjs", "@a/B"]],
  ["OTEL_NODE_EXTENSIONS", "@a/b/c", (config) => config.plugins, ["@a/b/c"]],
  ["REDTRAIL_REDACT_KEYS", "user.*, app.key", (config) => config.redaction.keys, ["user.*", "app.key"]],
  ["REDTRAIL_REDACT_PATTERNS", "a{1,2} b;; c\n\nd;;c;;", (config) => config.redaction.patterns, ["a{1,2} b", "c", "d"]],
  [
    "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS",
    "X-Tenant, accept,x-tenant",
    (config) => config.capturedHeaders.server.request,
    ["x-tenant", "accept"],
  ],
  [
    "OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS",
    "ETag",
    (config) => config.capturedHeaders.server.response,
    ["etag"],
  ],
  [
    "OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS",
    "a",
    (config) => config.capturedHeaders.client.request,
    ["a"],
  ],
  [
    "OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS",
    "b",
    (config) => config.capturedHeaders.client.response,
    ["b"],
  ],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "512", (config) => config.batch.maxQueueSize, 512],
  [
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "1",
    (config) => config.batch,
    { ...read({}).config.batch, maxQueueSize: 1, maxExportBatchSize: 1 },
  ],
  ["OTEL_BSP_SCHEDULE_DELAY", "0", (config) => config.batch.scheduleDelayMs, 0],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2048", (config) => config.batch.maxExportBatchSize, 2048],
  ["OTEL_BSP_EXPORT_TIMEOUT", "1", (config) => config.batch.exportTimeoutMs, 1],
  ["OTEL_ATTRIBUTE_COUNT_LIMIT", "5", (config) => config.spanLimits.attributeCountLimit, 5],
  ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "6", (config) => config.spanLimits.attributeCountLimit, 6],
  ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7", (config) => config.spanLimits.attributeValueLengthLimit, 7],
  ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "8", (config) => config.spanLimits.attributeValueLengthLimit, 8],
  ["OTEL_SPAN_EVENT_COUNT_LIMIT", "0", (config) => config.spanLimits.eventCountLimit, 0],
  ["OTEL_SPAN_LINK_COUNT_LIMIT", "9", (config) => config.spanLimits.linkCountLimit, 9],
  ["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "9", (config) => config.spanLimits.attributePerEventCountLimit, 9],
  ["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "9", (config) => config.spanLimits.attributePerLinkCountLimit, 9],
  ["OTEL_EXPORTER_ZIPKIN_ENDPOINT", "https://z/api", (config) => config.zipkin.urls, ["https://z/api"]],
  [
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "https://a/x,y, http://u:p,w@b/",
    (config) => config.zipkin.urls,
    ["https://a/x,y", "http://u:p,w@b/"],
  ],
  ["OTEL_EXPORTER_ZIPKIN_TIMEOUT", "1", (config) => config.zipkin.timeoutMs, 1],
  ...["ZIPKIN", "ELASTICSEARCH"].flatMap((name) => destinationRows(`REDTRAIL_${name}`)),
  ["REDTRAIL_LOG_CORRELATION", "console", (config) => config.logCorrelation, ["console"]],
  ["REDTRAIL_REQUEST_LOG", "Elasticsearch,console", (config) => config.requestLog.sinks, ["elasticsearch", "console"]],
  ["REDTRAIL_REQUEST_LOG_SCHEMA", "both", (config) => config.requestLog.schema, "both"],
  ["REDTRAIL_REQUEST_LOG_EXCLUDE", "/healthz, /a/*", (config) => config.requestLog.exclude, ["/healthz", "/a/*"]],
  ["REDTRAIL_REQUEST_LOG_QUEUE_SIZE", "7", (config) => config.requestLog.limits.maxExportBatchSize, 7],
  ["REDTRAIL_REQUEST_LOG_BATCH_SIZE", "7", (config) => config.requestLog.limits.maxExportBatchSize, 7],
  ["REDTRAIL_REQUEST_LOG_DELAY", "0", (config) => config.requestLog.limits.scheduleDelayMs, 0],
  [
    "REDTRAIL_ELASTICSEARCH_URL",
    "https://a,https://b",
    ({ requestLog }) => requestLog.elasticsearch.destination.urls,
    ["https://a", "https://b"],
  ],
  ["REDTRAIL_ELASTICSEARCH_TIMEOUT", "5", ({ requestLog }) => requestLog.elasticsearch.destination.timeoutMs, 5],
  ["REDTRAIL_ELASTICSEARCH_INDEX", "r-%{+yyyy}", ({ requestLog }) => requestLog.elasticsearch.index, "r-%{+yyyy}"],
  ["REDTRAIL_ELASTICSEARCH_IDS", "auto", ({ requestLog }) => requestLog.elasticsearch.ids, "auto"],
  ["REDTRAIL_ELASTICSEARCH_TEMPLATE", "true", ({ requestLog }) => requestLog.elasticsearch.installTemplate, true],
  ["REDTRAIL_ELASTICSEARCH_DEAD_LETTER_FILE", "/d", ({ requestLog }) => requestLog.elasticsearch.deadLetterFile, "/d"],
  [
    "REDTRAIL_QUEUE_BYTES",
    "9",
    (config) => [config.batch.maxQueueBytes, config.requestLog.limits.maxQueueBytes],
    [9, 9],
  ],
  ["REDTRAIL_BATCH_BYTES", "9", (config) => config.requestLog.limits.maxExportBatchBytes, 9],
  ["REDTRAIL_SPOOL_DIR", "/var/spool/app", (config) => config.spool.folder, "/var/spool/app"],
  ["REDTRAIL_SPOOL_BYTES", "9", (config) => config.spool.maxBytes, 9],
  ["OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0", (config) => config.prometheus.host, "0.0.0.0"],
  ["OTEL_EXPORTER_PROMETHEUS_PORT", "0", (config) => config.prometheus.port, 0],
  ["OTEL_EXPORTER_PROMETHEUS_PORT", "65535", (config) => config.prometheus.port, 65535],
  ["OTEL_METRIC_EXPORT_INTERVAL", "100", (config) => config.metricExport.intervalMs, 100],
  ["OTEL_METRIC_EXPORT_TIMEOUT", "100", (config) => config.metricExport.timeoutMs, 100],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", (config) => config.otlpProtocol, { traces: "grpc", metrics: "grpc" }],
  ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", (config) => config.otlpProtocol.traces, "http/json"],
  ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", (config) => config.otlpProtocol.metrics, "http/json"],
  ["OTEL_NODE_ENABLED_INSTRUMENTATIONS", "undici", (config) => config.enabledInstrumentations, ["undici"]],
  [
    "OTEL_NODE_ENABLED_INSTRUMENTATIONS",
    "express,HTTP",
    (config) => config.enabledInstrumentations,
    ["http", "express"],
  ],
  ["OTEL_NODE_ENABLED_INSTRUMENTATIONS", "all", (config) => config.enabledInstrumentations, NAMES],
  ["OTEL_NODE_DISABLED_INSTRUMENTATIONS", "undici", (config) => config.enabledInstrumentations, ["http", "express"]],
  ["REDTRAIL_REQUEST_ID_FORMAT", "traceid", (config) => config.requestId.format, "traceid"],
  ["REDTRAIL_REQUEST_ID_ECHO", "false", (config) => config.requestId.echo, false],
  [
    "REDTRAIL_REQUEST_ID_HEADERS",
    "X-Correlation-ID, request-id",
    (config) => config.requestId.headers,
    ["x-correlation-id", "request-id"],
  ],
  ["REDTRAIL_REQUEST_ID_TRUST", "Internal", (config) => config.requestId.trust, "internal"],
  [
    "REDTRAIL_TRUSTED_CIDRS",
    "10.0.0.0/8,::1,192.0.2.1",
    (config) => config.propagation.trustedCidrs,
    ["10.0.0.0/8", "::1/128", "192.0.2.1/32"],
  ],
  ["REDTRAIL_PROPAGATION_EXTRACT", "restart", (config) => config.propagation.untrustedTraces, "restart"],
  [
    "REDTRAIL_PROPAGATION_TARGETS",
    "*.Example.com.,api:8080,[::1]:8080,[::1],api.:80",
    (config) => config.propagation.targets,
    ["*.example.com", "api:8080", "::1:8080", "::1", "api:80"],
  ],
  ["REDTRAIL_SERVER_TIMING", "true", (config) => config.propagation.serverTiming, true],
  ["REDTRAIL_RESPONSE_TIME", "true", (config) => config.propagation.responseTime, true],
  ["OTEL_METRICS_EXEMPLAR_FILTER", "ALWAYS_ON", (config) => config.red.exemplarFilter, "always_on"],
  ["REDTRAIL_RUNTIME_METRICS", "false", (config) => config.runtimeMetrics, false],
  ["REDTRAIL_RED_METRICS", "http,db", (config) => config.red.families, ["http", "db"]],
  ["REDTRAIL_RED_METRICS", "none", (config) => config.red.families, []],
  ["REDTRAIL_RED_PROFILE", "both", (config) => config.red.profile, "both"],
  ["REDTRAIL_RED_UNIT", "ms", (config) => config.red.unit, "ms"],
  ["REDTRAIL_RED_NAMESPACE", "Shop.Spans", (config) => config.red.namespace, "Shop.Spans"],
  [
    "REDTRAIL_RED_DIMENSIONS",
    "tenant=none, region@calls,Tier=a b@duration",
    (config) => config.red.dimensions,
    [
      { key: "tenant", fallback: "none", only: undefined },
      { key: "region", fallback: undefined, only: "calls" },
      { key: "Tier", fallback: "a b", only: "duration" },
    ],
  ],
  [
    "REDTRAIL_RED_EXCLUDE",
    "route:/healthz,name:GET /internal/*,KIND:Producer,scope:@opentelemetry/*",
    (config) => config.red.exclusions,
    [
      { what: "route", glob: "/healthz" },
      { what: "name", glob: "GET /internal/*" },
      { what: "kind", glob: "producer" },
      { what: "scope", glob: "@opentelemetry/*" },
    ],
  ],
  [
    "REDTRAIL_RED_ERRORS",
    "server:5xx,client:429",
    (config) => config.red.errorClasses,
    [
      { kind: "server", from: 500, to: 599 },
      { kind: "client", from: 429, to: 429 },
    ],
  ],
  ["REDTRAIL_RED_ABORTED", "exclude", (config) => config.red.aborted, "exclude"],
  ["REDTRAIL_RED_STREAMS", "include", (config) => config.red.streams, "include"],
  ["REDTRAIL_RED_BUCKETS", "1, 0.5,0.5", (config) => config.red.buckets, [0.5, 1]],
  // One bound, however it is written.
  ["REDTRAIL_RED_BUCKETS", "1.0,1,1e0,0.5", (config) => config.red.buckets, [0.5, 1]],
  ["REDTRAIL_RED_SLO", "1.2,0.3", (config) => config.red.slo, [0.3, 1.2]],
  ["REDTRAIL_RED_NATIVE_HISTOGRAMS", "false", (config) => config.red.nativeHistograms, false],
  ["REDTRAIL_RED_SERIES_LIMIT", "1", (config) => config.red.seriesLimit, 1],
  ["REDTRAIL_RED_LABEL_LIMITS", "http.route=1,x=999", (config) => config.red.labelLimits, { "http.route": 1, x: 999 }],
  ["REDTRAIL_RED_IDLE_AFTER", "1500", (config) => config.red.idleAfterS, 1.5],
  ["REDTRAIL_RED_TEMPLATE_IDS", "true", (config) => config.red.templateIds, true],
  [
    "REDTRAIL_PROMETHEUS_TRANSLATION_STRATEGY",
    "NoTranslation",
    (config) => config.prometheus.translationStrategy,
    "notranslation",
  ],
  ["REDTRAIL_PROMETHEUS_SCOPE_LABELS", "false", (config) => config.prometheus.scopeLabels, false],
  ["REDTRAIL_PROMETHEUS_TARGET_INFO", "false", (config) => config.prometheus.targetInfo, false],
  [
    "REDTRAIL_PROMETHEUS_RESOURCE_LABELS",
    "service.version,k8s.*",
    (config) => config.prometheus.resourceLabels,
    ["service.version", "k8s.*"],
  ],
  ["REDTRAIL_PROMETHEUS_CREATED", "true", (config) => config.prometheus.created, true],
  // Half of a pair is kept: the server then says what is missing, and serves nothing in the clear.
  [
    "REDTRAIL_PROMETHEUS_TLS_CERT_FILE",
    "/c.pem",
    (config) => config.prometheus.tls,
    { certFile: "/c.pem", keyFile: "" },
  ],
  [
    "REDTRAIL_PROMETHEUS_TLS_KEY_FILE",
    "/k.pem",
    (config) => config.prometheus.tls,
    { certFile: "", keyFile: "/k.pem" },
  ],
  [
    "REDTRAIL_PROMETHEUS_TLS_CLIENT_CA_FILE",
    "/ca.pem",
    (config) => config.prometheus.tls,
    { certFile: "", keyFile: "", clientCaFile: "/ca.pem" },
  ],
  ["REDTRAIL_PROMETHEUS_AUTH_FILE", "/users", (config) => config.prometheus.authFile, "/users"],
  ["REDTRAIL_CLUSTER_METRICS", "separate", (config) => config.mergeCluster, false],
  ["REDTRAIL_WORKER_THREADS", "true", (config) => config.workerThreads, true],
  ["REDTRAIL_SHUTDOWN_TIMEOUT", "1", (config) => config.shutdownTimeoutMs, 1],
  ["OTEL_EXPORTER_OTLP_HEADERS", "a=b", (config) => config.engine, "native"],
];
for (const [name, value, select, expected] of accepted) {
  test(`readConfig takes ${name}="${value}"`, () => {
    const { config, problems } = read({ [name]: value });
    assert.deepEqual(select(config), expected);
    assert.deepEqual(problems, []);
  });
}

/** Variable, value, what is said, and what is used. */
type Rejected = readonly [string, string, string, (config: Config) => unknown, unknown];
const rejected: readonly Rejected[] = [
  [
    "OTEL_SDK_DISABLED",
    "yes",
    'OTEL_SDK_DISABLED="yes" is neither true nor false; using false',
    (config) => config.disabled,
    false,
  ],
  [
    "OTEL_BSP_SCHEDULE_DELAY",
    "abc",
    'OTEL_BSP_SCHEDULE_DELAY="abc" is not a number; using 5000',
    (config) => config.batch.scheduleDelayMs,
    5000,
  ],
  [
    "OTEL_BSP_SCHEDULE_DELAY",
    "-1",
    'OTEL_BSP_SCHEDULE_DELAY="-1" is less than 0; using 5000',
    (config) => config.batch.scheduleDelayMs,
    5000,
  ],
  [
    "OTEL_BSP_SCHEDULE_DELAY",
    "1.5",
    'OTEL_BSP_SCHEDULE_DELAY="1.5" is not a whole number; using 5000',
    (config) => config.batch.scheduleDelayMs,
    5000,
  ],
  [
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "0",
    'OTEL_BSP_MAX_QUEUE_SIZE="0" is less than 1; using 2048',
    (config) => config.batch.maxQueueSize,
    2048,
  ],
  [
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "4096",
    'OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4096" is more than OTEL_BSP_MAX_QUEUE_SIZE; using 2048',
    (config) => config.batch.maxExportBatchSize,
    2048,
  ],
  [
    "OTEL_EXPORTER_PROMETHEUS_PORT",
    "65536",
    'OTEL_EXPORTER_PROMETHEUS_PORT="65536" is more than 65535; using 9464',
    (config) => config.prometheus.port,
    9464,
  ],
  [
    "OTEL_TRACES_EXPORTER",
    "zipkn",
    'OTEL_TRACES_EXPORTER="zipkn" holds "zipkn", which is not known (did you mean "zipkin"?); using zipkin',
    (config) => config.tracesExporters,
    ["zipkin"],
  ],
  [
    "OTEL_TRACES_EXPORTER",
    "console,datadog",
    'OTEL_TRACES_EXPORTER="console,datadog" holds "datadog", which is none of zipkin, otlp, console, none; using console',
    (config) => config.tracesExporters,
    ["console"],
  ],
  [
    "OTEL_TRACES_EXPORTER",
    "zipkin,none",
    'OTEL_TRACES_EXPORTER="zipkin,none" holds "none" beside others; using zipkin',
    (config) => config.tracesExporters,
    ["zipkin"],
  ],
  [
    "OTEL_PROPAGATORS",
    "jeager",
    'OTEL_PROPAGATORS="jeager" holds "jeager", which is not known (did you mean "jaeger"?); using tracecontext,baggage,requestid',
    (config) => config.propagators.length,
    3,
  ],
  [
    "OTEL_TRACES_SAMPLER",
    "always",
    'OTEL_TRACES_SAMPLER="always" is none of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio; using parentbased_always_on',
    (config) => config.sampler,
    "parentbased_always_on",
  ],
  [
    "REDTRAIL_SAMPLING_RULES",
    "drop host=x; drop path=/y",
    'REDTRAIL_SAMPLING_RULES="drop host=x; drop path=/y" holds "drop host=x", which is no rule such as "0.1 method=GET path=/static/*"; it is left out',
    (config) => config.sampling.rules.length,
    1,
  ],
  [
    "REDTRAIL_REQUEST_ID_HEADERS",
    "traceparent,Host,x-id",
    'REDTRAIL_REQUEST_ID_HEADERS="traceparent,Host,x-id" holds "traceparent", which is not a header that may hold an id; it is left out',
    (config) => config.requestId.headers,
    ["x-id"],
  ],
  [
    "REDTRAIL_PROPAGATION_TARGETS",
    "http://api",
    'REDTRAIL_PROPAGATION_TARGETS="http://api" holds "http://api", which is not a host, or host:port; it is left out',
    (config) => config.propagation.targets,
    [],
  ],
  [
    "REDTRAIL_MESSAGING_MODE",
    "kafka=lnk",
    'REDTRAIL_MESSAGING_MODE="kafka=lnk" holds "kafka=lnk", which is not auto, parent, link, both, or system=mode; it is left out',
    (config) => config.messaging.modes,
    {},
  ],
  [
    "REDTRAIL_MESSAGING_LINK_AFTER",
    "-1",
    'REDTRAIL_MESSAGING_LINK_AFTER="-1" is less than 1; using 60000',
    (config) => config.messaging.linkAfterMs,
    60_000,
  ],
  [
    "REDTRAIL_SAMPLING_KEEP_ERRORS",
    "any",
    'REDTRAIL_SAMPLING_KEEP_ERRORS="any" is none of false, true, root; using false',
    (config) => config.sampling.keepErrors,
    "none",
  ],
  [
    "REDTRAIL_SAMPLING_KEEP_SLOW",
    "0",
    'REDTRAIL_SAMPLING_KEEP_SLOW="0" is less than 1; it is ignored',
    (config) => config.sampling.keepSlowMs,
    undefined,
  ],
  [
    "REDTRAIL_SAMPLING_BUFFER_SPANS",
    "0",
    'REDTRAIL_SAMPLING_BUFFER_SPANS="0" is less than 1; using 10000',
    (config) => config.sampling.maxWaitingSpans,
    10000,
  ],
  [
    "REDTRAIL_TRACE_STORE_URL",
    "redis://user:hunter2@host:port",
    'REDTRAIL_TRACE_STORE_URL="redis://REDACTED:REDACTED@host:port" is not redis://host:port/database, rediss://..., unix:///path or memory:; the store is off',
    ({ traceStore }) => traceStore.address,
    undefined,
  ],
  [
    "REDTRAIL_TRACE_STORE_URL",
    "user:hunter2@host",
    'REDTRAIL_TRACE_STORE_URL="REDACTED@host" is not redis://host:port/database, rediss://..., unix:///path or memory:; the store is off',
    ({ traceStore }) => traceStore.address,
    undefined,
  ],
  [
    "REDTRAIL_TRACE_STORE_MODE",
    "jion",
    'REDTRAIL_TRACE_STORE_MODE="jion" is not known (did you mean "join"?); using join',
    ({ traceStore }) => traceStore.mode,
    "join",
  ],
  [
    "REDTRAIL_TRACE_STORE_NAMESPACE",
    "a b",
    'REDTRAIL_TRACE_STORE_NAMESPACE="a b" is not 1 to 64 letters, digits, ., _ or -; using default',
    ({ traceStore }) => traceStore.namespace,
    "default",
  ],
  [
    "REDTRAIL_SAMPLING_RATE_LIMIT",
    "0",
    'REDTRAIL_SAMPLING_RATE_LIMIT="0" is less than 1; it is ignored',
    (config) => config.sampling.perSecond,
    undefined,
  ],
  [
    "OTEL_TRACES_SAMPLER_ARG",
    "1.1",
    'OTEL_TRACES_SAMPLER_ARG="1.1" is not between 0 and 1; using 1',
    (config) => [config.sampler, config.samplerRatio],
    ["parentbased_always_on", 1],
  ],
  [
    "OTEL_TRACES_SAMPLER_ARG",
    "0.1",
    'OTEL_TRACES_SAMPLER_ARG="0.1" is set without OTEL_TRACES_SAMPLER; using parentbased_traceidratio',
    (config) => [config.sampler, config.samplerRatio],
    ["parentbased_traceidratio", 0.1],
  ],
  [
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "localhost:9411",
    'OTEL_EXPORTER_ZIPKIN_ENDPOINT="localhost:9411" is not an http or https URL; using http://localhost:9411/api/v2/spans',
    (config) => config.zipkin.urls,
    ["http://localhost:9411/api/v2/spans"],
  ],
  [
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "http://a/,ftp://me:pw@b/",
    'OTEL_EXPORTER_ZIPKIN_ENDPOINT="http://a/,ftp://REDACTED:REDACTED@b/" holds "ftp://REDACTED:REDACTED@b/", which is not an http or https URL; using http://a/',
    (config) => config.zipkin.urls,
    ["http://a/"],
  ],
  ...(["ZIPKIN", "ELASTICSEARCH"] as const).map((name): Rejected => [
    `REDTRAIL_${name}_HEADERS`,
    "a=b,hunter2",
    `REDTRAIL_${name}_HEADERS="REDACTED" holds "REDACTED", which is no key=value; using "REDACTED"`,
    ({ zipkin, requestLog }) => (name === "ZIPKIN" ? zipkin : requestLog.elasticsearch.destination).headers,
    { a: "b" },
  ]),
  [
    "REDTRAIL_LOG_CORRELATION",
    "log4js",
    'REDTRAIL_LOG_CORRELATION="log4js" holds "log4js", which is none of pino, winston, bunyan, console, none; using pino,winston,bunyan',
    (config) => config.logCorrelation,
    ["pino", "winston", "bunyan"],
  ],
  [
    "REDTRAIL_REQUEST_LOG",
    "kafka",
    'REDTRAIL_REQUEST_LOG="kafka" holds "kafka", which is none of elasticsearch, console, otlp, none; using none',
    (config) => config.requestLog.sinks,
    [],
  ],
  [
    "REDTRAIL_REQUEST_LOG_SCHEMA",
    "flat",
    'REDTRAIL_REQUEST_LOG_SCHEMA="flat" is none of ecs, article, both; using ecs',
    (config) => config.requestLog.schema,
    "ecs",
  ],
  [
    "REDTRAIL_REQUEST_LOG_QUEUE_SIZE",
    "0",
    'REDTRAIL_REQUEST_LOG_QUEUE_SIZE="0" is less than 1; using 20000',
    (config) => config.requestLog.limits.maxQueueSize,
    20000,
  ],
  [
    "REDTRAIL_REQUEST_LOG_BATCH_SIZE",
    "20001",
    'REDTRAIL_REQUEST_LOG_BATCH_SIZE="20001" is more than REDTRAIL_REQUEST_LOG_QUEUE_SIZE; using 20000',
    (config) => config.requestLog.limits.maxExportBatchSize,
    20000,
  ],
  [
    "REDTRAIL_REQUEST_LOG_DELAY",
    "-1",
    'REDTRAIL_REQUEST_LOG_DELAY="-1" is less than 0; using 1000',
    (config) => config.requestLog.limits.scheduleDelayMs,
    1000,
  ],
  [
    "REDTRAIL_ELASTICSEARCH_URL",
    "es:9200",
    'REDTRAIL_ELASTICSEARCH_URL="es:9200" is not an http or https URL; using http://localhost:9200',
    ({ requestLog }) => requestLog.elasticsearch.destination.urls,
    ["http://localhost:9200"],
  ],
  [
    "REDTRAIL_ELASTICSEARCH_TIMEOUT",
    "0",
    'REDTRAIL_ELASTICSEARCH_TIMEOUT="0" is less than 1; using 10000',
    ({ requestLog }) => requestLog.elasticsearch.destination.timeoutMs,
    10000,
  ],
  [
    "REDTRAIL_ELASTICSEARCH_IDS",
    "spans",
    'REDTRAIL_ELASTICSEARCH_IDS="spans" is not known (did you mean "span"?); using span',
    ({ requestLog }) => requestLog.elasticsearch.ids,
    "span",
  ],
  [
    "REDTRAIL_ELASTICSEARCH_TEMPLATE",
    "1",
    'REDTRAIL_ELASTICSEARCH_TEMPLATE="1" is neither true nor false; using false',
    ({ requestLog }) => requestLog.elasticsearch.installTemplate,
    false,
  ],
  [
    "REDTRAIL_QUEUE_BYTES",
    "16M",
    'REDTRAIL_QUEUE_BYTES="16M" is not a number; using 16777216',
    (config) => config.batch.maxQueueBytes,
    16777216,
  ],
  [
    "REDTRAIL_BATCH_BYTES",
    "0",
    'REDTRAIL_BATCH_BYTES="0" is less than 1; using 1048576',
    (config) => config.batch.maxExportBatchBytes,
    1048576,
  ],
  [
    "REDTRAIL_SPOOL_BYTES",
    "1.5",
    'REDTRAIL_SPOOL_BYTES="1.5" is not a whole number; using 67108864',
    (config) => config.spool.maxBytes,
    67108864,
  ],
  [
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "ftp://me:pw@z/",
    'OTEL_EXPORTER_ZIPKIN_ENDPOINT="ftp://REDACTED:REDACTED@z/" is not an http or https URL; using http://localhost:9411/api/v2/spans',
    (config) => config.zipkin.urls,
    ["http://localhost:9411/api/v2/spans"],
  ],
  [
    "OTEL_RESOURCE_ATTRIBUTES",
    "a=1,broken,b=%zz",
    'OTEL_RESOURCE_ATTRIBUTES="a=1,broken,b=%zz" holds "broken", which is no key=value; using "a=1"',
    (config) => config.resourceAttributes,
    { a: "1" },
  ],
  [
    "OTEL_NODE_ENABLED_INSTRUMENTATIONS",
    "htpp",
    'OTEL_NODE_ENABLED_INSTRUMENTATIONS="htpp" holds "htpp", which is not known (did you mean "http"?); it is ignored',
    (config) => config.enabledInstrumentations,
    NAMES,
  ],
  [
    "REDTRAIL_REQUEST_ID_FORMAT",
    "uuid",
    'REDTRAIL_REQUEST_ID_FORMAT="uuid" is not known (did you mean "uuid7"?); using uuid7',
    (config) => config.requestId.format,
    "uuid7",
  ],
  [
    "REDTRAIL_ENGINE",
    "nativ",
    'REDTRAIL_ENGINE="nativ" is not known (did you mean "native"?); it is ignored',
    (config) => config.engine,
    "native",
  ],
  [
    "OTEL_LOG_LEVEL",
    "trace",
    'OTEL_LOG_LEVEL="trace" is none of none, error, warn, info, debug, verbose, all; using info',
    (config) => config.logLevel,
    "info",
  ],
  [
    "OTEL_NODE_RESOURCE_DETECTORS",
    "host,container",
    'OTEL_NODE_RESOURCE_DETECTORS="host,container" holds "container", which is none of env, host, os, process, serviceinstance, all, none; using host',
    (config) => config.resourceDetectors,
    ["host"],
  ],
  [
    "OTEL_NODE_DISABLED_INSTRUMENTATIONS",
    "expres",
    'OTEL_NODE_DISABLED_INSTRUMENTATIONS="expres" holds "expres", which is not known (did you mean "express"?); it is ignored',
    (config) => config.enabledInstrumentations,
    NAMES,
  ],
  [
    "OTEL_PROPAGATORS",
    "x-ray,b3",
    'OTEL_PROPAGATORS="x-ray,b3" holds "x-ray", which is not known (did you mean "xray"?); using b3',
    (config) => config.propagators,
    ["b3"],
  ],
  [
    "OTEL_TRACES_SAMPLER",
    "JAEGER_REMOTE",
    'OTEL_TRACES_SAMPLER="JAEGER_REMOTE" is not supported by redtrail (it has always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio); using parentbased_always_on',
    (config) => config.sampler,
    "parentbased_always_on",
  ],
  [
    "OTEL_TRACES_SAMPLER_ARG",
    "-0.1",
    'OTEL_TRACES_SAMPLER_ARG="-0.1" is not between 0 and 1; using 1',
    (config) => config.samplerRatio,
    1,
  ],
  [
    "OTEL_METRICS_EXPORTER",
    "prometeus",
    'OTEL_METRICS_EXPORTER="prometeus" holds "prometeus", which is not known (did you mean "prometheus"?); using prometheus',
    (config) => config.metricsExporters,
    ["prometheus"],
  ],
  [
    "OTEL_LOGS_EXPORTER",
    "console",
    'OTEL_LOGS_EXPORTER="console" holds "console", which is none of otlp, none; using none',
    (config) => config.logsExporters,
    ["none"],
  ],
  [
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http",
    'OTEL_EXPORTER_OTLP_PROTOCOL="http" is none of grpc, http/protobuf, http/json; using http/protobuf',
    (config) => config.otlpProtocol.traces,
    "http/protobuf",
  ],
  [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "grcp",
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grcp" is not known (did you mean "grpc"?); it is ignored',
    (config) => config.otlpProtocol.traces,
    "http/protobuf",
  ],
  [
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "http/jsn",
    'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="http/jsn" is not known (did you mean "http/json"?); it is ignored',
    (config) => config.otlpProtocol.metrics,
    "http/protobuf",
  ],
  [
    "REDTRAIL_REQUEST_ID_HEADERS",
    "x request id",
    'REDTRAIL_REQUEST_ID_HEADERS="x request id" holds "x request id", which is not a header that may hold an id; it is left out',
    (config) => config.requestId.headers,
    ["x-request-id", "x-correlation-id"],
  ],
  [
    "REDTRAIL_REQUEST_ID_TRUST",
    "internl",
    'REDTRAIL_REQUEST_ID_TRUST="internl" is not known (did you mean "internal"?); using accept',
    (config) => config.requestId.trust,
    "accept",
  ],
  [
    "REDTRAIL_TRUSTED_CIDRS",
    "10.0.0.0/33",
    'REDTRAIL_TRUSTED_CIDRS="10.0.0.0/33" holds "10.0.0.0/33", which is not a network such as 10.0.0.0/8; it is left out',
    (config) => config.propagation.trustedCidrs,
    [],
  ],
  [
    "REDTRAIL_PROPAGATION_EXTRACT",
    "new",
    'REDTRAIL_PROPAGATION_EXTRACT="new" is none of continue, restart, ignore; using continue',
    (config) => config.propagation.untrustedTraces,
    "continue",
  ],
  [
    "REDTRAIL_SERVER_TIMING",
    "1",
    'REDTRAIL_SERVER_TIMING="1" is neither true nor false; using false',
    (config) => config.propagation.serverTiming,
    false,
  ],
  [
    "REDTRAIL_RESPONSE_TIME",
    "yes",
    'REDTRAIL_RESPONSE_TIME="yes" is neither true nor false; using false',
    (config) => config.propagation.responseTime,
    false,
  ],
  [
    "REDTRAIL_REQUEST_ID_ECHO",
    "1",
    'REDTRAIL_REQUEST_ID_ECHO="1" is neither true nor false; using true',
    (config) => config.requestId.echo,
    true,
  ],
  [
    "OTEL_RESOURCE_ATTRIBUTES",
    "broken",
    'OTEL_RESOURCE_ATTRIBUTES="broken" holds "broken", which is no key=value; it is ignored',
    (config) => config.resourceAttributes,
    {},
  ],
  [
    "OTEL_CONFIG_FIEL",
    "a.yaml",
    "OTEL_CONFIG_FIEL is not a setting (did you mean OTEL_CONFIG_FILE?); it is ignored",
    (config) => config.engine,
    "native",
  ],
  [
    "OTEL_TRACES_SAMLPER",
    "always_off",
    "OTEL_TRACES_SAMLPER is not a setting (did you mean OTEL_TRACES_SAMPLER?); it is ignored",
    (config) => config.sampler,
    "parentbased_always_on",
  ],
  [
    "REDTRAIL_RUNTIME_METRICS",
    "on",
    'REDTRAIL_RUNTIME_METRICS="on" is neither true nor false; using true',
    (config) => config.runtimeMetrics,
    true,
  ],
  [
    "REDTRAIL_RED_NATIVE_HISTOGRAMS",
    "on",
    'REDTRAIL_RED_NATIVE_HISTOGRAMS="on" is neither true nor false; using true',
    (config) => config.red.nativeHistograms,
    true,
  ],
  [
    "REDTRAIL_RED_TEMPLATE_IDS",
    "on",
    'REDTRAIL_RED_TEMPLATE_IDS="on" is neither true nor false; using false',
    (config) => config.red.templateIds,
    false,
  ],
  [
    "REDTRAIL_PROMETHEUS_SCOPE_LABELS",
    "on",
    'REDTRAIL_PROMETHEUS_SCOPE_LABELS="on" is neither true nor false; using true',
    (config) => config.prometheus.scopeLabels,
    true,
  ],
  [
    "REDTRAIL_PROMETHEUS_TARGET_INFO",
    "on",
    'REDTRAIL_PROMETHEUS_TARGET_INFO="on" is neither true nor false; using true',
    (config) => config.prometheus.targetInfo,
    true,
  ],
  [
    "REDTRAIL_PROMETHEUS_CREATED",
    "on",
    'REDTRAIL_PROMETHEUS_CREATED="on" is neither true nor false; using false',
    (config) => config.prometheus.created,
    false,
  ],
  [
    "REDTRAIL_WORKER_THREADS",
    "on",
    'REDTRAIL_WORKER_THREADS="on" is neither true nor false; using false',
    (config) => config.workerThreads,
    false,
  ],
  [
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "tracebased",
    'OTEL_METRICS_EXEMPLAR_FILTER="tracebased" is not known (did you mean "trace_based"?); using trace_based',
    (config) => config.red.exemplarFilter,
    "trace_based",
  ],
  [
    "REDTRAIL_RED_METRICS",
    "http,sql",
    'REDTRAIL_RED_METRICS="http,sql" holds "sql", which is none of http, db, messaging, rpc, spanmetrics, none; using http',
    (config) => config.red.families,
    ["http"],
  ],
  [
    "REDTRAIL_RED_PROFILE",
    "temp",
    'REDTRAIL_RED_PROFILE="temp" is not known (did you mean "tempo"?); using collector',
    (config) => config.red.profile,
    "collector",
  ],
  [
    "REDTRAIL_RED_UNIT",
    "minutes",
    'REDTRAIL_RED_UNIT="minutes" is none of s, ms; using s',
    (config) => config.red.unit,
    "s",
  ],
  [
    "REDTRAIL_REDACT_DB_QUERIES",
    "no",
    'REDTRAIL_REDACT_DB_QUERIES="no" is neither true nor false; using true',
    (config) => config.redaction.dbQueries,
    true,
  ],
  ...(["SERVER", "CLIENT"] as const).flatMap((side) =>
    (["REQUEST", "RESPONSE"] as const).map((message): Rejected => {
      const name = `OTEL_INSTRUMENTATION_HTTP_${side}_CAPTURE_${message}_HEADERS`;
      return [
        name,
        "accept,a b",
        `${name}="accept,a b" holds "a b", which is not a header's name; it is left out`,
        ({ capturedHeaders }) => capturedHeaders[side === "SERVER" ? "server" : "client"],
        { request: [], response: [], [message.toLowerCase()]: ["accept"] },
      ];
    }),
  ),
  [
    "REDTRAIL_RED_DIMENSIONS",
    "tenant,a b",
    'REDTRAIL_RED_DIMENSIONS="tenant,a b" holds "a b", which is not key[=default][@calls|duration]; it is left out',
    (config) => config.red.dimensions.length,
    1,
  ],
  [
    "REDTRAIL_RED_EXCLUDE",
    "/healthz",
    'REDTRAIL_RED_EXCLUDE="/healthz" holds "/healthz", which is not route:, name:, kind: or scope:; it is left out',
    (config) => config.red.exclusions,
    [],
  ],
  [
    "REDTRAIL_RED_ERRORS",
    "server:6xx,client:4xx",
    'REDTRAIL_RED_ERRORS="server:6xx,client:4xx" holds "server:6xx", which is not server:5xx or client:429; it is left out',
    (config) => config.red.errorClasses,
    [{ kind: "client", from: 400, to: 499 }],
  ],
  [
    "REDTRAIL_RED_ABORTED",
    "error",
    'REDTRAIL_RED_ABORTED="error" is none of separate, exclude, include; using separate',
    (config) => config.red.aborted,
    "separate",
  ],
  [
    "REDTRAIL_RED_STREAMS",
    "exclud",
    'REDTRAIL_RED_STREAMS="exclud" is not known (did you mean "exclude"?); using exclude',
    (config) => config.red.streams,
    "exclude",
  ],
  [
    "REDTRAIL_RED_BUCKETS",
    "0,1",
    'REDTRAIL_RED_BUCKETS="0,1" holds "0", which is no number above 0; using 1',
    (config) => config.red.buckets,
    [1],
  ],
  [
    "REDTRAIL_RED_SLO",
    "fast",
    'REDTRAIL_RED_SLO="fast" holds "fast", which is no number above 0; it is ignored',
    (config) => config.red.slo,
    [],
  ],
  [
    "REDTRAIL_RED_LABEL_LIMITS",
    "http.route=0,span.name=1",
    'REDTRAIL_RED_LABEL_LIMITS holds "http.route=0", which is no key=number above 0; it is left out',
    (config) => config.red.labelLimits,
    { "span.name": 1 },
  ],
  [
    "REDTRAIL_PROMETHEUS_TRANSLATION_STRATEGY",
    "none",
    'REDTRAIL_PROMETHEUS_TRANSLATION_STRATEGY="none" is none of underscoreescapingwithsuffixes, underscoreescapingwithoutsuffixes, noutf8escapingwithsuffixes, notranslation; using underscoreescapingwithsuffixes',
    (config) => config.prometheus.translationStrategy,
    "underscoreescapingwithsuffixes",
  ],
  [
    "REDTRAIL_CLUSTER_METRICS",
    "merged",
    'REDTRAIL_CLUSTER_METRICS="merged" is not known (did you mean "merge"?); using merge',
    (config) => config.mergeCluster,
    true,
  ],
  ["REDTRAIL_COLOUR", "red", "REDTRAIL_COLOUR is not a setting; it is ignored", (config) => config.engine, "native"],
];
for (const [name, value, problem, select, expected] of rejected) {
  test(`readConfig says of ${name}="${value}" what is wrong, and what it uses`, () => {
    const { config, problems } = read({ [name]: value });
    assert.equal(problems[0], problem);
    assert.deepEqual(select(config), expected);
  });
}

/** Variable, least and most, and what holds for a value beyond them. */
const bounds: readonly (readonly [string, number, number, string])[] = [
  ["OTEL_BSP_MAX_QUEUE_SIZE", 1, 1_000_000_000, "using 2048"],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 1_000_000_000, "using 512"],
  ["OTEL_BSP_SCHEDULE_DELAY", 0, 1_000_000_000, "using 5000"],
  ["OTEL_BSP_EXPORT_TIMEOUT", 1, 2_147_483_647, "using 30000"],
  ["OTEL_ATTRIBUTE_COUNT_LIMIT", 0, 1_000_000_000, "using 128"],
  ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, 1_000_000_000, "it is ignored"],
  ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, 1_000_000_000, "it is ignored"],
  ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, 1_000_000_000, "it is ignored"],
  ["OTEL_SPAN_EVENT_COUNT_LIMIT", 0, 1_000_000_000, "using 128"],
  ["OTEL_SPAN_LINK_COUNT_LIMIT", 0, 1_000_000_000, "using 128"],
  ["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0, 1_000_000_000, "using 128"],
  ["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0, 1_000_000_000, "using 128"],
  ["OTEL_EXPORTER_ZIPKIN_TIMEOUT", 1, 2_147_483_647, "using 10000"],
  ["OTEL_EXPORTER_PROMETHEUS_PORT", 0, 65_535, "using 9464"],
  ["OTEL_METRIC_EXPORT_INTERVAL", 1, 2_147_483_647, "using 60000"],
  ["OTEL_METRIC_EXPORT_TIMEOUT", 1, 2_147_483_647, "using 30000"],
  ["REDTRAIL_RED_SERIES_LIMIT", 1, 1_000_000_000, "using 2000"],
  ["REDTRAIL_RED_IDLE_AFTER", 0, 1_000_000_000, "using 900000"],
  ["REDTRAIL_SHUTDOWN_TIMEOUT", 1, 2_147_483_647, "using 2000"],
  ["REDTRAIL_TRACE_STORE_BUDGET", 1, 1_000, "using 20"],
  ["REDTRAIL_TRACE_STORE_TTL", 1, 2_147_483_647, "using 300000"],
];
for (const [name, least, most, consequence] of bounds) {
  test(`readConfig takes ${name} from ${least} to ${most}`, () => {
    // A batch may not be larger than the queue, which is not what this is about.
    const problemsOf = (value: number): readonly string[] =>
      read({ OTEL_BSP_MAX_QUEUE_SIZE: "1000000000", [name]: String(value) }).problems;
    assert.deepEqual(problemsOf(least), []);
    assert.deepEqual(problemsOf(most), []);
    assert.deepEqual(problemsOf(least - 1), [`${name}="${least - 1}" is less than ${least}; ${consequence}`]);
    assert.deepEqual(problemsOf(most + 1), [`${name}="${most + 1}" is more than ${most}; ${consequence}`]);
  });
}

const ANY_TEXTS = new Set([
  "REDTRAIL_PROMETHEUS_RESOURCE_LABELS",
  "REDTRAIL_REQUEST_LOG_EXCLUDE",
  "REDTRAIL_REDACT_KEYS",
  "REDTRAIL_PLUGINS",
  "OTEL_NODE_EXTENSIONS",
  "REDTRAIL_PROPAGATION_TARGETS",
  "REDTRAIL_MESSAGING_REDIS_STREAMS",
]);

test("Every setting has an accepted value in these tables, and a rejected one unless any text will do", () => {
  const acceptedNames = new Set([...accepted, ...bounds].map(([name]) => name));
  const rejectedNames = new Set([...rejected, ...bounds].map(([name]) => name));
  // The argument is taken without a problem only beside its sampler: tested on its own below.
  acceptedNames.add("OTEL_TRACES_SAMPLER_ARG");
  for (const { name, type } of SETTINGS.values()) {
    assert.ok(acceptedNames.has(name), `${name} has no accepted value`);
    const takesAnyText = type === "text" || ANY_TEXTS.has(name);
    assert.ok(takesAnyText || rejectedNames.has(name), `${name} has no rejected value`);
  }
});

/** Of the groups of metrics: a bad value for each row that takes not any text. */
const bad: Readonly<Record<string, string>> = {
  boolean: "ja",
  integer: "many",
  choice: "whatever",
  list: "whatever",
  numbers: "-1",
  REDTRAIL_RED_DIMENSIONS: "a@b",
  REDTRAIL_RED_EXCLUDE: "healthz",
  REDTRAIL_RED_ERRORS: "500",
  REDTRAIL_RED_LABEL_LIMITS: "http.route=many",
};
for (const { title, settings } of SETTING_GROUPS) {
  if (!["RED metrics", "Prometheus", "Metrics and logs"].includes(title)) continue;
  for (const row of settings) {
    const value = bad[row.name] ?? bad[row.type];
    if (value === undefined) continue;
    test(`readConfig says of ${row.name}="${value}" one line, and is otherwise as if it were unset`, () => {
      const { config, problems } = read({ [row.name]: value });
      assert.equal(problems.length, 1);
      assert.match(problems[0] as string, new RegExp(`^${row.name}(="${value}"| holds "${value}",) .+(; |, )[^;]+$`));
      assert.deepEqual(config, read({}).config);
    });
  }
}

/** Members that are left out beside others that stay: how many lines, and what is used. */
const members: readonly (readonly [string, string, number, (config: Config) => unknown, unknown])[] = [
  ["REDTRAIL_RED_METRICS", "none,http", 1, (config) => config.red.families, ["http"]],
  ["REDTRAIL_RED_METRICS", " DB , db ,", 0, (config) => config.red.families, ["db"]],
  [
    "REDTRAIL_RED_DIMENSIONS",
    "=x,a b,ok,@calls,k@both",
    4,
    (config) => config.red.dimensions.map(({ key }) => key),
    ["ok"],
  ],
  [
    "REDTRAIL_RED_DIMENSIONS",
    "k=,k2=a=b@calls",
    0,
    (config) => config.red.dimensions.map(({ fallback }) => fallback),
    ["", "a=b"],
  ],
  [
    "REDTRAIL_RED_EXCLUDE",
    "route:,path:/a,name:*",
    2,
    (config) => config.red.exclusions,
    [{ what: "name", glob: "*" }],
  ],
  ["REDTRAIL_RED_EXCLUDE", "route:/a:b", 0, (config) => config.red.exclusions, [{ what: "route", glob: "/a:b" }]],
  ["REDTRAIL_RED_ERRORS", "server:99,server:600,client:5XX", 2, (config) => config.red.errorClasses.length, 1],
  ["REDTRAIL_RED_BUCKETS", "0.1,Infinity,NaN,-1,0,x,2", 5, (config) => config.red.buckets, [0.1, 2]],
  ["REDTRAIL_RED_SLO", ",,", 0, (config) => config.red.slo, []],
  ["REDTRAIL_RED_LABEL_LIMITS", "a=1.5,b=-1,c=1e3,d=,e,f=7", 5, (config) => config.red.labelLimits, { f: 7 }],
  ["REDTRAIL_RED_LABEL_LIMITS", "a=999999999,b=9999999999", 1, (config) => config.red.labelLimits, { a: 999_999_999 }],
];
for (const [name, value, lines, select, expected] of members) {
  test(`readConfig keeps the good members of ${name}="${value}", and says ${lines} lines of the others`, () => {
    const { config, problems } = read({ [name]: value });
    assert.deepEqual(select(config), expected);
    assert.equal(problems.length, lines, problems.join("\n"));
  });
}

test("readConfig keeps Tempo's span metrics in seconds, and says so", () => {
  const { config, problems } = read({ REDTRAIL_RED_UNIT: "ms", REDTRAIL_RED_PROFILE: "both" });
  assert.equal(config.red.unit, "s");
  assert.deepEqual(problems, ['REDTRAIL_RED_UNIT="ms" does not go with REDTRAIL_RED_PROFILE="both"; using s']);
});

for (const [value, shown] of [
  ["me:s3cret@z:9411/x", "REDACTED@z:9411/x"],
  ["http//me:s3cret@z:9411/x", "REDACTED@z:9411/x"],
  ["http://me:s3c/ret@z:9411/", "REDACTED@z:9411/"],
  ["http://me:s3cret@z:99999/", "http://REDACTED:REDACTED@z:99999/"],
  ["ftp://z/?token=s3cret", "ftp://z/?token=REDACTED"],
] as const) {
  test(`readConfig shows the endpoint "${value}", which is no URL of Zipkin's, as "${shown}"`, () => {
    const { problems } = read({ OTEL_EXPORTER_ZIPKIN_ENDPOINT: value });
    assert.deepEqual(problems, [
      `OTEL_EXPORTER_ZIPKIN_ENDPOINT="${shown}" is not an http or https URL; using http://localhost:9411/api/v2/spans`,
    ]);
  });
}

test("readConfig says a value with line breaks and terminal escapes in one line", () => {
  const { problems } = read({ OTEL_BSP_SCHEDULE_DELAY: "a\r\nb\u001B[31mc" });
  assert.deepEqual(problems, ['OTEL_BSP_SCHEDULE_DELAY="a b [31mc" is not a number; using 5000']);
});

test("readConfig does not write to the environment", () => {
  const env = Object.freeze({ OTEL_TRACES_EXPORTER: "zipkn", OTEL_SERVICE_NAME: " shop " });
  assert.equal(readConfig(env, NAMES).problems.length, 1);
});

for (const [ratio, expected] of [
  ["0", 0],
  ["1", 1],
] as const) {
  test(`readConfig takes the ratio ${ratio}`, () => {
    const { config, problems } = read({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: ratio });
    assert.deepEqual([config.samplerRatio, problems], [expected, []]);
  });
}

test("readConfig takes the ratio without a word when the sampler is named", () => {
  const { config, problems } = read({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" });
  assert.deepEqual([config.sampler, config.samplerRatio, problems], ["traceidratio", 0.25, []]);
});

test("readConfig prefers OTEL_SERVICE_NAME over service.name", () => {
  const { config } = read({ OTEL_SERVICE_NAME: "a", OTEL_RESOURCE_ATTRIBUTES: "service.name=b" });
  assert.equal(config.serviceName, "a");
});

test("readConfig leaves otlp out of the engine native when that was asked for by name, and says so", () => {
  const { config, problems } = read({
    REDTRAIL_ENGINE: "native",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_METRICS_EXPORTER: "otlp,console",
  });
  assert.deepEqual(
    [config.engine, config.tracesExporters, config.metricsExporters],
    ["native", ["zipkin"], ["console"]],
  );
  assert.deepEqual(problems, [
    'REDTRAIL_ENGINE="native" has no OTLP exporter; otlp is left out (REDTRAIL_ENGINE=node-sdk has one)',
  ]);
});

test("readConfig ignores rules and a limit beside a sampler that decides for each span alone, and says so", () => {
  const { config, problems } = read({ OTEL_TRACES_SAMPLER: "always_on", REDTRAIL_SAMPLING_RATE_LIMIT: "5" });
  assert.deepEqual([config.sampling.rules, config.sampling.perSecond], [[], undefined]);
  assert.deepEqual(problems, [
    'OTEL_TRACES_SAMPLER="always_on" decides for each span alone; REDTRAIL_SAMPLING_RULES and REDTRAIL_SAMPLING_RATE_LIMIT are ignored (a parentbased sampler takes them)',
  ]);
});

test("readConfig says nothing of variables that are somebody else's", () => {
  assert.deepEqual(read({ PATH: "/bin", OTEL_GO_X_SOMETHING_ELSE: "1", OTEL_BLRP_MAX_QUEUE_SIZE: "1" }).problems, []);
});

test("readConfig takes what plug-ins add where a setting takes names, and suggests it", () => {
  const added = {
    OTEL_PROPAGATORS: ["tenant"],
    OTEL_TRACES_SAMPLER: ["tenant", "parentbased_tenant"],
    OTEL_NODE_RESOURCE_DETECTORS: ["region"],
  };
  const env = {
    OTEL_PROPAGATORS: "tracecontext,tenant,tenan",
    OTEL_TRACES_SAMPLER: "tenant",
    OTEL_TRACES_SAMPLER_ARG: "blue",
    REDTRAIL_PLUGINS: "./a.mjs,b",
    OTEL_NODE_EXTENSIONS: "b,c",
  };
  const { config, problems } = readConfig(env, NAMES, NAMES, added);
  assert.deepEqual(config.propagators, ["tracecontext", "tenant"]);
  assert.deepEqual([config.sampler, config.samplerArg, config.samplerRatio], ["tenant", "blue", 1]);
  assert.deepEqual(config.plugins, ["./a.mjs", "b", "c"]);
  assert.deepEqual(problems, [
    'OTEL_PROPAGATORS="tracecontext,tenant,tenan" holds "tenan", which is not known (did you mean "tenant"?); using tracecontext,tenant',
  ]);
  assert.ok(config.resourceDetectors.includes("region"), "a detector runs unless the setting leaves it out");
  const some = readConfig({ OTEL_NODE_RESOURCE_DETECTORS: "host" }, NAMES, NAMES, added).config;
  assert.deepEqual(some.resourceDetectors, ["host"]);
});

test("readConfig says of rules that a plug-in's sampler of single spans takes none, and that one of traces does", () => {
  const added = { OTEL_TRACES_SAMPLER: ["tenant", "parentbased_tenant"] };
  for (const [sampler, count] of [
    ["tenant", 0],
    ["parentbased_tenant", 1],
  ] as const) {
    const env = { OTEL_TRACES_SAMPLER: sampler, REDTRAIL_SAMPLING_RULES: "drop path=/" };
    const { config, problems } = readConfig(env, NAMES, NAMES, added);
    assert.equal(config.sampling.rules.length, count);
    assert.equal(problems.length, 1 - count);
  }
});
