// The span processors of redtrail's own making, in their order: redaction, request id, what the sender said, RED metrics, plug-ins, delivery to Zipkin.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { RedactionSpanProcessor } from "../processors/redaction.ts";
import type { Parts } from "./engine.ts";
import { type PluginSpans, createPluginSpans } from "./plugin-spans.ts";

/** What every span goes through before an exporter of either engine sees it. */
export function stagesOf({ red, redactor, requestIdProcessor, senderProcessor }: Parts): SpanProcessor[] {
  return [
    new RedactionSpanProcessor(redactor),
    requestIdProcessor,
    senderProcessor,
    ...(red === undefined ? [] : [red]),
  ];
}

export function createSpanProcessors(parts: Parts): {
  zipkin: ZipkinSpanProcessor | undefined;
  pluginSpans: PluginSpans;
  spanProcessors: SpanProcessor[];
} {
  const { tracesExporters, zipkin: destination, batch, spool } = parts.config;
  const zipkin = tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination, batch, spool })
    : undefined;
  const pluginSpans = createPluginSpans(parts);
  const delivery = zipkin === undefined ? [] : [zipkin];
  return { zipkin, pluginSpans, spanProcessors: [...stagesOf(parts), ...pluginSpans.spanProcessors, ...delivery] };
}
