// A provider that keeps what it ends, with redtrail's propagators and processors of the context.
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { type Tracer, context, propagation } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { readConfig } from "../../src/config/read.ts";
import { RequestIdSpanProcessor } from "../../src/processors/request-id.ts";
import { createPropagator } from "../../src/propagators/index.ts";

export function recordSpans(): { readonly tracer: Tracer; take(): ReadableSpan[]; stop(): void } {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [new RequestIdSpanProcessor(), new SimpleSpanProcessor({ exporter })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(createPropagator(readConfig({}, []).config, "test"));
  return {
    tracer: provider.getTracer("test"),
    take() {
      const spans = exporter.getFinishedSpans();
      exporter.reset();
      return spans;
    },
    stop() {
      context.disable();
      propagation.disable();
    },
  };
}
