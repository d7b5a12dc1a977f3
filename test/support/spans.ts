// A provider that keeps what it ends, with redtrail's propagators and processors of the context.
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { type Tracer, context, propagation } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { readConfig } from "../../src/config/read.ts";
import { RequestIdSpanProcessor } from "../../src/processors/request-id.ts";
import { SenderSpanProcessor } from "../../src/processors/sender.ts";
import { createPropagator } from "../../src/propagators/index.ts";

/** `env`: settings of propagation; `first`: processors before all others. */
export function recordSpans(
  env: Readonly<Record<string, string>> = {},
  first: readonly SpanProcessor[] = [],
): { readonly tracer: Tracer; take(): ReadableSpan[]; stop(): void } {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    spanProcessors: [
      ...first,
      new RequestIdSpanProcessor(),
      new SenderSpanProcessor(),
      new SimpleSpanProcessor({ exporter }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(createPropagator(readConfig(env, []).config, "test"));
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
