// Spans as a test wants to read them: plain objects, and a tree as text.
import { type Attributes, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";

export interface TestSpan {
  readonly name: string;
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";
  readonly status: "UNSET" | "OK" | "ERROR";
  readonly statusMessage: string | undefined;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** Of the instrumentation that made it. */
  readonly scope: string;
  readonly durationMs: number;
}

export function toTestSpan(span: ReadableSpan): TestSpan {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanoseconds] = span.duration;
  return {
    name: span.name,
    kind: SpanKind[span.kind] as TestSpan["kind"],
    status: SpanStatusCode[span.status.code] as TestSpan["status"],
    statusMessage: span.status.message,
    attributes: { ...span.attributes },
    events: span.events.map(({ name, attributes = {} }) => ({ name, attributes })),
    links: span.links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    scope: span.instrumentationScope.name,
    durationMs: seconds * 1000 + nanoseconds / 1_000_000,
  };
}

/**
 * One line a span, children indented below their parents, in the order in which they began; ` !` marks an error:
 *
 *     SERVER GET /orders/:id
 *       CLIENT select orders !
 */
export function toTree(spans: readonly TestSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const lines = (parent: string | undefined, indent: string): string[] =>
    spans
      .filter(({ parentSpanId }) => (parent === undefined ? !ids.has(parentSpanId ?? "") : parentSpanId === parent))
      .flatMap(({ kind, name, status, spanId }) => [
        `${indent}${kind} ${name}${status === "ERROR" ? " !" : ""}`,
        ...lines(spanId, `${indent}  `),
      ]);
  return lines(undefined, "").join("\n");
}
