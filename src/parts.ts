// Makes the parts that every engine shares, from the configuration.
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { findAppPackage } from "./app-package.ts";
import type { Config } from "./config/config.ts";
import { mainScript } from "./config/environment.ts";
import { type Parts, takesMetrics, takesTraceIdAsRequestId } from "./engines/engine.ts";
import { detectAttributes, makePropagator, makeSampler } from "./plugins/make.ts";
import { PluginRegistry, type Plugins } from "./plugins/registry.ts";
import { RedMetricsSpanProcessor } from "./processors/red-metrics.ts";
import { RequestIdSpanProcessor } from "./processors/request-id.ts";
import { SenderSpanProcessor } from "./processors/sender.ts";
import { TraceStoreSpanProcessor } from "./processors/trace-store.ts";
import { createPropagator } from "./propagators/index.ts";
import { createConfiguredRedactor } from "./redaction/create.ts";
import { createRequestLog } from "./request-log/request-log.ts";
import { createResource } from "./resource.ts";
import { createSampling } from "./sampling/index.ts";
import { createSharedTraces } from "./trace-store/create.ts";

export function createParts(config: Config, plugins: Plugins = new PluginRegistry()): Parts {
  const detected = detectAttributes(plugins, config.resourceDetectors);
  const resource = createResource(config, findAppPackage(mainScript(), process.cwd()), detected);
  const serviceName = String(resource.attributes["service.name"]);
  const redactor = createConfiguredRedactor(config.redaction);
  const exportsSpans = config.tracesExporters.some((name) => name !== "none");
  const countsSpans = config.red.families.length > 0 && takesMetrics(config);
  const sharedTraces = config.disabled ? undefined : createSharedTraces(config.traceStore);
  return {
    config,
    plugins,
    resource,
    serviceName,
    contextManager: new AsyncLocalStorageContextManager(),
    propagator: createPropagator(config, serviceName, (name) => makePropagator(plugins, name)),
    ...createSampling(config, {
      // What is written to shared storage are recorded spans too.
      feedsMetrics: countsSpans || sharedTraces !== undefined,
      exportsSpans,
      makeOther: (name) => makeSampler(plugins, name, config.samplerArg),
    }),
    redactor,
    requestIdProcessor: new RequestIdSpanProcessor(),
    senderProcessor: new SenderSpanProcessor(),
    sharedTraces,
    traceStoreProcessor:
      sharedTraces === undefined
        ? undefined
        : new TraceStoreSpanProcessor(sharedTraces, {
            serviceName,
            requestIdIsTraceId: takesTraceIdAsRequestId(config),
          }),
    red: countsSpans
      ? new RedMetricsSpanProcessor({ ...config.red, serviceName, resourceAttributes: resource.attributes })
      : undefined,
    requestLog: createRequestLog(config, resource.attributes, redactor),
  };
}
