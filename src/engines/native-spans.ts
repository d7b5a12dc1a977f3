// The span processors of redtrail's own making, in their order: request id, RED metrics, delivery to Zipkin.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import type { Parts } from "./engine.ts";

export function createSpanProcessors({ config, red, requestIdProcessor }: Parts): {
  zipkin: ZipkinSpanProcessor | undefined;
  spanProcessors: SpanProcessor[];
} {
  const zipkin = config.tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination: config.zipkin, batch: config.batch, spool: config.spool })
    : undefined;
  const spanProcessors = [requestIdProcessor, red, zipkin].filter((processor) => processor !== undefined);
  return { zipkin, spanProcessors };
}
