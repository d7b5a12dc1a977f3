// The span processors of redtrail's own making, in their order: redaction, request id, what the sender said, shared storage, plug-ins, RED
// metrics, delivery.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { RedactionSpanProcessor } from "../processors/redaction.ts";
import { TailSamplingSpanProcessor } from "../processors/tail-sampling.ts";
import type { Parts } from "./engine.ts";
import { type PluginSpans, createPluginSpans } from "./plugin-spans.ts";

/** What every span goes through, of either engine. */
export function spanProcessorsOf(
  parts: Parts,
  ofPlugins: readonly SpanProcessor[],
  exporters: readonly SpanProcessor[],
): SpanProcessor[] {
  const { red, redactor, requestIdProcessor, senderProcessor, tail, traceStoreProcessor } = parts;
  const stages: SpanProcessor[] = [new RedactionSpanProcessor(redactor), requestIdProcessor, senderProcessor];
  if (traceStoreProcessor !== undefined) stages.push(traceStoreProcessor);
  // What they add is counted and sent.
  stages.push(...ofPlugins);
  const counting = red === undefined ? [] : [red];
  if (tail === undefined) return [...stages, ...counting, ...exporters];
  // Before the metrics: an exemplar must know whether its trace is sent.
  return [...stages, new TailSamplingSpanProcessor(tail, exporters), ...counting];
}

export function createSpanProcessors(
  parts: Parts,
  further: readonly SpanProcessor[] = [],
): {
  zipkin: ZipkinSpanProcessor | undefined;
  pluginSpans: PluginSpans;
  spanProcessors: SpanProcessor[];
} {
  const { tracesExporters, zipkin: destination, batch, spool } = parts.config;
  const zipkin = tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination, batch, spool })
    : undefined;
  const pluginSpans = createPluginSpans(parts);
  const exporters = [...(zipkin === undefined ? [] : [zipkin]), ...pluginSpans.exporters, ...further];
  return { zipkin, pluginSpans, spanProcessors: spanProcessorsOf(parts, pluginSpans.processors, exporters) };
}
