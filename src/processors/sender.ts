// Puts what a carrier says of its sender on the span that receives it, whatever instrumentation made that.
import { type Context, SpanKind } from "@opentelemetry/api";
import type { Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { senderOf } from "../context/sender.ts";

export class SenderSpanProcessor implements SpanProcessor {
  onStart(span: Span, parentContext: Context): void {
    if (span.kind !== SpanKind.SERVER && span.kind !== SpanKind.CONSUMER) return;
    const { parentSpanContext } = span;
    if (parentSpanContext !== undefined && parentSpanContext.isRemote !== true) return;
    const sender = senderOf(parentContext);
    if (sender === undefined) return;
    if (sender.attributes !== undefined) span.setAttributes(sender.attributes);
    if (sender.links !== undefined) span.addLinks([...sender.links]);
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
