// A plug-in's span processor, which the SDK calls inside of the app's calls and whose exceptions it lets through.
import type { Context } from "@opentelemetry/api";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { type Guard, settled } from "./guard.ts";

export function guardSpanProcessor(processor: SpanProcessor, guard: Guard): SpanProcessor {
  const onStart = guard.method("onStart");
  const onEnding = guard.method("onEnding");
  const onEnd = guard.method("onEnd");
  const forceFlush = guard.method("forceFlush");
  const shutdown = guard.method("shutdown");
  return {
    onStart(span: Span, parentContext: Context) {
      if (guard.isOff) return;
      try {
        onStart.passed(processor.onStart(span, parentContext));
      } catch (error) {
        onStart.failed(error);
      }
    },
    // The SDK asks for it span by span; most processors have none.
    ...(processor.onEnding === undefined
      ? {}
      : {
          onEnding(span: Span) {
            if (guard.isOff) return;
            try {
              onEnding.passed(processor.onEnding?.(span));
            } catch (error) {
              onEnding.failed(error);
            }
          },
        }),
    onEnd(span: ReadableSpan) {
      if (guard.isOff) return;
      try {
        onEnd.passed(processor.onEnd(span));
      } catch (error) {
        onEnd.failed(error);
      }
    },
    forceFlush: () => settled(guard, forceFlush, () => processor.forceFlush()),
    shutdown: () => settled(guard, shutdown, () => processor.shutdown()),
  };
}
