// The span processors of redtrail's own making, in their order: redaction, request id, what the sender said, shared storage, RED metrics, delivery to Zipkin.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { RedactionSpanProcessor } from "../processors/redaction.ts";
import type { Parts } from "./engine.ts";

/** What every span goes through before an exporter of either engine sees it. */
export function stagesOf({
  red,
  redactor,
  requestIdProcessor,
  senderProcessor,
  traceStoreProcessor,
}: Parts): SpanProcessor[] {
  return [
    new RedactionSpanProcessor(redactor),
    requestIdProcessor,
    senderProcessor,
    ...(traceStoreProcessor === undefined ? [] : [traceStoreProcessor]),
    ...(red === undefined ? [] : [red]),
  ];
}

export function createSpanProcessors(parts: Parts): {
  zipkin: ZipkinSpanProcessor | undefined;
  spanProcessors: SpanProcessor[];
} {
  const { tracesExporters, zipkin: destination, batch, spool } = parts.config;
  const zipkin = tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination, batch, spool })
    : undefined;
  return { zipkin, spanProcessors: [...stagesOf(parts), ...(zipkin === undefined ? [] : [zipkin])] };
}
