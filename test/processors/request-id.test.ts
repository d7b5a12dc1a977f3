import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, SpanKind } from "@opentelemetry/api";
import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { setRequestId } from "../../src/context/request-id.ts";
import { RequestIdSpanProcessor } from "../../src/processors/request-id.ts";

for (const [title, context, expected] of [
  ["the id of its parent's context", setRequestId(ROOT_CONTEXT, "r-1"), "r-1"],
  ["no id where the context has none", ROOT_CONTEXT, undefined],
] as const) {
  test(`RequestIdSpanProcessor gives a span of any kind ${title}`, async () => {
    const processor = new RequestIdSpanProcessor();
    const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer("test");
    for (const kind of [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
      const span = tracer.startSpan("a", { kind }, context);
      assert.equal((span as unknown as ReadableSpan).attributes["http.request.id"], expected);
      span.end();
    }
    await processor.forceFlush();
    await processor.shutdown();
  });
}
