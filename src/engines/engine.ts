// What an engine is to the rest of redtrail: providers that are registered and running, and ways to get the last spans out.
import type { ContextManager, TextMapPropagator } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Config } from "../config/config.ts";
import type { Plugins } from "../plugins/registry.ts";
import type { RedMetricsSpanProcessor } from "../processors/red-metrics.ts";
import type { Redactor } from "../redaction/redactor.ts";
import type { RequestLog } from "../request-log/request-log.ts";
import type { Tail } from "../sampling/tail.ts";
import { redactUrl } from "../redaction/urls.ts";
import type { SharedTraces } from "../trace-store/shared-traces.ts";

/** What both engines are built of, and what `redtrail/node-sdk` hands out. */
export interface Parts {
  readonly config: Config;
  readonly plugins: Plugins;
  readonly resource: Resource;
  readonly serviceName: string;
  readonly contextManager: ContextManager;
  readonly propagator: TextMapPropagator;
  readonly sampler: Sampler;
  /** Absent when nothing is decided at the end of a request. */
  readonly tail: Tail | undefined;
  /** Takes secrets out of whatever leaves the process. */
  readonly redactor: Redactor;
  readonly requestIdProcessor: SpanProcessor;
  readonly senderProcessor: SpanProcessor;
  /** Absent where there is no shared storage, as is the processor that writes to it. */
  readonly sharedTraces: SharedTraces | undefined;
  readonly traceStoreProcessor: SpanProcessor | undefined;
  /** Absent when nobody takes metrics, or none of spans. */
  readonly red: RedMetricsSpanProcessor | undefined;
  /** Absent when nobody takes it. */
  readonly requestLog: RequestLog | undefined;
}

/** As the start line says them: `at http://127.0.0.1:9464/metrics`, `to http://localhost:9411/api/v2/spans`, `off`. */
export interface Destinations {
  readonly metrics: string;
  readonly spans: string;
}

export interface Engine {
  /** For the start line; resolves within a tick or two, once it is known which port serves the metrics. Never rejects. */
  readonly destinations: Promise<Destinations>;
  /** Spans and log records that wait to be delivered. */
  pending(): number;
  /** Delivers what waits, once and without retries, until the deadline. Never rejects. */
  flush(deadlineMs: number): Promise<void>;
  /** Delivers what waits while the process is ending, and blocks for as long, at most `timeoutMs`. Never throws. */
  flushSync(timeoutMs: number): void;
  /** The very last thing, however the process ends: what is not delivered goes to the spool or is said. Never throws. */
  endSync(): void;
  /** Delivers and closes. Never rejects. */
  shutdown(deadlineMs: number): Promise<void>;
}

/** The start line's words for where spans go. */
export function spansTo({ tracesExporters, zipkin }: Config): string {
  const names = tracesExporters.flatMap((name) => (name === "zipkin" ? zipkin.urls.map(redactUrl) : [name]));
  return names[0] === "none" ? "off" : `to ${names.join(" and ")}`;
}

/** The same for metrics; `served`: where Prometheus gets them, or `off`. */
export function metricsTo({ metricsExporters }: Pick<Config, "metricsExporters">, served: string): string {
  const pushed = metricsExporters.filter((name) => name !== "prometheus" && name !== "none");
  return [served, ...pushed.map((name) => `to ${name}`)].filter((one) => one !== "off").join(" and ") || "off";
}

/** The same for the request log; undefined when it is off. */
export function requestsTo({ requestLog: { sinks, elasticsearch } }: Config): string | undefined {
  const { urls } = elasticsearch.destination;
  const names = { elasticsearch: urls.map(redactUrl).join(" and "), console: "stdout", otlp: "the logs API" };
  return sinks.length === 0 ? undefined : `to ${sinks.map((sink) => names[sink]).join(" and ")}`;
}

/** Whether a request without an id takes that of its trace. */
export function takesTraceIdAsRequestId({
  requestId,
  propagators,
}: Pick<Config, "requestId" | "propagators">): boolean {
  return requestId.format === "traceid" && propagators.includes("requestid");
}

export function takesMetrics({ metricsExporters }: Pick<Config, "metricsExporters">): boolean {
  return metricsExporters.some((name) => name !== "none");
}
