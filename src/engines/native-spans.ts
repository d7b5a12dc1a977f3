// The span processors of redtrail's own making, in their order: redaction, request id, what the sender said, shared storage, RED
// metrics, delivery.
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { ZipkinSpanProcessor } from "../exporters/zipkin/exporter.ts";
import { RedactionSpanProcessor } from "../processors/redaction.ts";
import { TailSamplingSpanProcessor } from "../processors/tail-sampling.ts";
import type { Parts } from "./engine.ts";

/** What every span goes through, of either engine. */
export function spanProcessorsOf(parts: Parts, exporters: readonly SpanProcessor[]): SpanProcessor[] {
  const { red, redactor, requestIdProcessor, senderProcessor, tail, traceStoreProcessor } = parts;
  const stages = [new RedactionSpanProcessor(redactor), requestIdProcessor, senderProcessor];
  if (traceStoreProcessor !== undefined) stages.push(traceStoreProcessor);
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
  spanProcessors: SpanProcessor[];
} {
  const { tracesExporters, zipkin: destination, batch, spool } = parts.config;
  const zipkin = tracesExporters.includes("zipkin")
    ? new ZipkinSpanProcessor({ destination, batch, spool })
    : undefined;
  const exporters = zipkin === undefined ? further : [zipkin, ...further];
  return { zipkin, spanProcessors: spanProcessorsOf(parts, exporters) };
}
