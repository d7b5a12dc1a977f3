// Span processor that delivers sampled spans to Zipkin: batched, retried, and handed over when the process ends.

import { TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { BatchConfig } from "../../config/config.ts";
import { log } from "../../diagnostics/log.ts";
import {
  createHttpSender,
  loggableUrl,
  sendAtExit,
  type HttpSender,
  type HttpSenderOptions,
} from "../delivery/http-sender.ts";
import { DeliveryQueue, type DeliveryStats } from "../delivery/queue.ts";
import { createZipkinEncoder, type ZipkinEncoder } from "./transform.ts";

export interface ZipkinSpanProcessorOptions {
  /** Where Zipkin takes spans: `http://localhost:9411/api/v2/spans`. */
  readonly endpoint: string;
  /** Milliseconds that one request may take. */
  readonly timeoutMs: number;
  /** A failed batch stays queued; `exportTimeoutMs` bounds one request, not how long a server may be away. */
  readonly batch: BatchConfig;
}

export class ZipkinSpanProcessor implements SpanProcessor {
  readonly #http: HttpSenderOptions;
  readonly #batch: BatchConfig;
  readonly #queue: DeliveryQueue<ReadableSpan>;
  readonly #send: HttpSender;
  #encoder: ZipkinEncoder | undefined;
  #encoderResource: ReadableSpan["resource"] | undefined;

  constructor({ endpoint, timeoutMs, batch }: ZipkinSpanProcessorOptions) {
    this.#http = {
      url: endpoint,
      contentType: "application/json",
      timeoutMs: Math.min(timeoutMs, batch.exportTimeoutMs),
    };
    this.#batch = batch;
    this.#send = createHttpSender(this.#http);
    this.#queue = new DeliveryQueue<ReadableSpan>({
      name: `Zipkin at ${loggableUrl(endpoint)}`,
      maxQueueSize: batch.maxQueueSize,
      maxExportBatchSize: batch.maxExportBatchSize,
      scheduleDelayMs: batch.scheduleDelayMs,
      send: (spans) => this.#send(this.#encode(spans)),
    });
  }

  get stats(): DeliveryStats {
    return this.#queue.stats;
  }

  /** Spans that no server has confirmed. */
  get pending(): number {
    return this.#queue.stats.queued;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    this.#queue.add(span);
  }

  forceFlush(): Promise<void> {
    return this.flush(this.#batch.exportTimeoutMs);
  }

  /** One attempt to deliver all that is queued now, within `deadlineMs` milliseconds. Never rejects. */
  flush(deadlineMs: number): Promise<void> {
    return this.#queue.flush(deadlineMs);
  }

  shutdown(deadlineMs: number = this.#batch.exportTimeoutMs): Promise<void> {
    return this.#queue.shutdown(deadlineMs);
  }

  /**
   * For `process.on("exit")`: delivers what no server has confirmed and blocks for `timeoutMs` milliseconds at most, but
   * not at all when the last delivery failed. A batch that was on its way goes out again; Zipkin joins spans of one id.
   * Returns whether nothing is left.
   */
  flushSync(timeoutMs: number): boolean {
    const { failure } = this.#queue.stats;
    const spans = this.#queue.takeAll();
    if (spans.length === 0) return true;
    if (failure !== undefined) return this.#reportLoss(spans.length, failure);
    const size = this.#batch.maxExportBatchSize;
    const bodies: string[] = [];
    for (let i = 0; i < spans.length; i += size) bodies.push(this.#encode(spans.slice(i, i + size)));
    const result = sendAtExit(this.#http, bodies, timeoutMs);
    if (result.failure === undefined) return true;
    return this.#reportLoss(spans.length - result.delivered * size, result.failure);
  }

  #reportLoss(count: number, reason: string): false {
    const name = `Zipkin at ${loggableUrl(this.#http.url)}`;
    log.warn(`${name}: ${count} spans were not delivered before the process ended (${reason})`);
    return false;
  }

  #encode(spans: readonly ReadableSpan[]): string {
    let json = "";
    for (const span of spans) json += `${json === "" ? "[" : ","}${this.#encoderFor(span)(span)}`;
    return `${json}]`;
  }

  /** All spans of a process have the same resource, but it may get attributes until its detectors are done. */
  #encoderFor({ resource }: ReadableSpan): ZipkinEncoder {
    if (this.#encoder !== undefined && this.#encoderResource === resource) return this.#encoder;
    this.#encoder = createZipkinEncoder(resource.attributes);
    this.#encoderResource = resource.asyncAttributesPending === true ? undefined : resource;
    return this.#encoder;
  }
}
