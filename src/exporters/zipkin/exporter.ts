// Span processor that delivers sampled spans to Zipkin: written at once, batched, retried, kept when the process ends.

import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { BatchConfig, SpoolConfig } from "../../config/config.ts";
import { joinBuffers } from "../delivery/buffers.ts";
import { Delivery, type DeliveryStats } from "../delivery/delivery.ts";
import type { Destination } from "../delivery/target.ts";
import { createZipkinEncoder, type ZipkinEncoder } from "./transform.ts";

export interface ZipkinSpanProcessorOptions {
  /** Where Zipkin takes spans: `http://localhost:9411/api/v2/spans`. */
  readonly destination: Destination;
  /** A failed batch stays queued; `exportTimeoutMs` bounds one request, not how long a server may be away. */
  readonly batch: BatchConfig;
  /** @default none */
  readonly spool?: SpoolConfig;
}

export class ZipkinSpanProcessor implements SpanProcessor {
  readonly #batch: BatchConfig;
  readonly #delivery: Delivery;
  #encoder: ZipkinEncoder | undefined;
  #encoderResource: ReadableSpan["resource"] | undefined;

  constructor({ destination, batch, spool }: ZipkinSpanProcessorOptions) {
    this.#batch = batch;
    this.#delivery = new Delivery({
      name: "Zipkin",
      itemsName: "spans",
      destination: { ...destination, timeoutMs: Math.min(destination.timeoutMs, batch.exportTimeoutMs) },
      contentType: "application/json",
      limits: batch,
      encode: (spans) => joinBuffers(spans, "[", ",", "]"),
      ...(spool === undefined ? {} : { spool: { ...spool, kind: "zipkin" } }),
    });
  }

  get stats(): DeliveryStats {
    return this.#delivery.stats;
  }

  onStart(): void {}

  /** Written here, and not when it is sent: text is smaller than the span, its size is known, and no batch blocks the loop. */
  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    this.#delivery.add(this.#encoderFor(span)(span));
  }

  forceFlush(): Promise<void> {
    return this.flush(this.#batch.exportTimeoutMs);
  }

  /** See Delivery for this and the following. */
  flush(deadlineMs: number): Promise<void> {
    return this.#delivery.flush(deadlineMs);
  }

  shutdown(deadlineMs: number = this.#batch.exportTimeoutMs): Promise<void> {
    return this.#delivery.shutdown(deadlineMs);
  }

  flushSync(timeoutMs: number): void {
    this.#delivery.flushSync(timeoutMs);
  }

  endSync(): void {
    this.#delivery.endSync();
  }

  /** All spans of a process have the same resource, but it may get attributes until its detectors are done. */
  #encoderFor({ resource }: ReadableSpan): ZipkinEncoder {
    if (this.#encoder !== undefined && this.#encoderResource === resource) return this.#encoder;
    this.#encoder = createZipkinEncoder(resource.attributes);
    this.#encoderResource = resource.asyncAttributesPending === true ? undefined : resource;
    return this.#encoder;
  }
}
