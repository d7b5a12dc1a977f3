// Puts the request id of the parent context on every local span, whatever instrumentation made it.
import type { Context } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { getRequestId } from "../context/request-id.ts";
import { ATTR } from "../semconv.ts";

export class RequestIdSpanProcessor implements SpanProcessor {
  onStart(span: Span, parentContext: Context): void {
    const id = getRequestId(parentContext);
    if (id !== undefined) span.setAttribute(ATTR.requestId, id);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
