// `redtrail/node-sdk`: redtrail's parts for people who write `new NodeSDK({...})` themselves.
import type { ContextManager, TextMapPropagator } from "@opentelemetry/api";
import type { MetricReader, ViewOptions } from "@opentelemetry/sdk-metrics";
import type { Resource } from "@opentelemetry/resources";
import type { IdGenerator, Sampler, SpanProcessor } from "@opentelemetry/sdk-trace";
import { defaultNamesOf, namesOf, withPlugins } from "../instrumentations/index.ts";
import { pluginsOfEnvironment, readEnvironment } from "./config/environment.ts";
import { log } from "./diagnostics/log.ts";
import { NodeSdkInstrumentation } from "./engines/node-sdk-instrumentation.ts";
import { createSpanProcessors } from "./engines/native-spans.ts";
import { createPushes } from "./engines/pushes.ts";
import { startMetrics } from "./engines/native-metrics.ts";
import { ZipkinSpanProcessor } from "./exporters/zipkin/exporter.ts";
import { idGenerator } from "./id-generator.ts";
import { createParts } from "./parts.ts";
import { loadPlugins } from "./plugins/load.ts";
import type { RequestLog } from "./request-log/request-log.ts";
import { setSharedTraces } from "./state.ts";

/** What upstream's own exporters have for it. */
const SHUTDOWN_MS = 30_000;

/** A subset of upstream's NodeSDKConfiguration: spread it, add to it, leave parts out. */
export interface NodeSdkParts {
  readonly resource: Resource;
  readonly autoDetectResources: false;
  readonly contextManager: ContextManager;
  readonly textMapPropagator: TextMapPropagator;
  readonly sampler: Sampler;
  readonly idGenerator: IdGenerator;
  /** Redaction first, then request id, shared storage, RED metrics, delivery to Zipkin. What stands before redaction sees secrets. */
  readonly spanProcessors: SpanProcessor[];
  /** Serves Prometheus, RED metrics included. */
  readonly metricReaders: MetricReader[];
  /** What instruments of others record under a name of the RED metrics is dropped: it would be the same requests again. */
  readonly views: ViewOptions[];
  /** redtrail's http, undici and express instrumentations as one. Do not add upstream's beside them: calls would count twice. */
  readonly instrumentations: NodeSdkInstrumentation[];
}

/**
 * The parts, configured by the same environment variables as the preload.
 *
 *     const sdk = new NodeSDK({ ...nodeSdkParts() });
 *     sdk.start();
 */
export function nodeSdkParts(): NodeSdkParts {
  const { names, folders } = pluginsOfEnvironment();
  const loaded = loadPlugins(names, folders);
  const rows = withPlugins(loaded.plugins.instrumentations);
  const { config, problems } = readEnvironment(namesOf(rows), defaultNamesOf(rows), loaded.names);
  for (const problem of [...loaded.problems, ...problems]) log.warn(problem);
  const parts = createParts(config, loaded.plugins);
  const { zipkin, spanProcessors } = createSpanProcessors(parts);
  setSharedTraces(parts.sharedTraces);
  const pushes = createPushes(zipkin, parts.requestLog);
  const { readers, views } = startMetrics(parts, pushes.producers);
  return {
    resource: parts.resource,
    autoDetectResources: false,
    contextManager: parts.contextManager,
    textMapPropagator: parts.propagator,
    sampler: parts.sampler,
    idGenerator,
    spanProcessors: parts.requestLog === undefined ? spanProcessors : [...spanProcessors, endingWith(parts.requestLog)],
    metricReaders: readers,
    views,
    instrumentations: [
      new NodeSdkInstrumentation(config, {
        requestLog: parts.requestLog?.write,
        sharedTraces: parts.sharedTraces,
        rows,
      }),
    ],
  };
}

/** Lets the SDK's flush and shutdown reach the request log too. */
function endingWith(requestLog: RequestLog): SpanProcessor {
  const pushes = createPushes(undefined, requestLog);
  return {
    onStart: () => {},
    onEnd: () => {},
    forceFlush: () => pushes.flush(SHUTDOWN_MS),
    shutdown: () => pushes.shutdown(SHUTDOWN_MS),
  };
}

export { RedMetricsSpanProcessor } from "./processors/red-metrics.ts";
export { RequestIdSpanProcessor } from "./processors/request-id.ts";
export { RequestIdPropagator } from "./propagators/request-id.ts";
export { RecordForMetricsSampler } from "./sampling/record-for-metrics.ts";
export { NodeSdkInstrumentation, ZipkinSpanProcessor };
