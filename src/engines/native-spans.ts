// The span processors of redtrail's own making, in their order: redaction, request id, RED metrics, delivery to Zipkin.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { RedactionSpanProcessor } from "../processors/redaction.ts";
import type { Parts } from "./engine.ts";

export function createSpanProcessors({ config, red, redactor, requestIdProcessor }: Parts): {
  zipkin: ZipkinSpanProcessor | undefined;
  spanProcessors: SpanProcessor[];
} {
  const zipkin = config.tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination: config.zipkin, batch: config.batch, spool: config.spool })
    : undefined;
  const redaction = new RedactionSpanProcessor(redactor);
  const spanProcessors = [redaction, requestIdProcessor, red, zipkin].filter((processor) => processor !== undefined);
  return { zipkin, spanProcessors };
}
