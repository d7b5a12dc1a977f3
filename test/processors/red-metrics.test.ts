import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import test from "node:test";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { RedMetricsSpanProcessor } from "../../src/processors/red-metrics.ts";

const CALLS = "traces.span.metrics.calls";
const HTTP = "http.server.request.duration";

interface Point {
  readonly attributes: Attributes;
  readonly value: number | { readonly count: number };
}

function points(processor: RedMetricsSpanProcessor, name: string): readonly Point[] {
  const metrics = processor.collect().flatMap((scope) => scope.metrics);
  return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
}

function total(processor: RedMetricsSpanProcessor, name: string): number {
  return points(processor, name).reduce((sum, { value }) => sum + (typeof value === "number" ? value : value.count), 0);
}

function createTracer(processor: RedMetricsSpanProcessor): ReturnType<TracerProvider["getTracer"]> {
  return new TracerProvider({ spanProcessors: [processor] }).getTracer("test");
}

test("RedMetricsSpanProcessor counts the SDK's own spans, and what is active meanwhile", () => {
  const processor = new RedMetricsSpanProcessor({
    serviceName: "shop",
    dimensions: [{ key: "tenant", fallback: undefined, only: undefined }],
  });
  const tracer = createTracer(processor);
  const attributes = { "http.request.method": "GET", "url.scheme": "http" };
  const span = tracer.startSpan("GET", { kind: SpanKind.SERVER, attributes });
  assert.equal(total(processor, "http.server.active_requests"), 1);
  assert.equal(total(processor, "otel.sdk.span.live"), 1);
  // The SDK lets maps through, with any keys that a request's JSON may bring.
  span.setAttribute("tenant", { toString: 1 });
  span.setAttributes({ "http.route": "/a", "http.response.status_code": 200 }).end();
  tracer.startSpan("inner", { kind: SpanKind.INTERNAL }).end();
  for (const name of [CALLS, HTTP]) assert.equal(total(processor, name), 1, name);
  for (const name of ["http.server.active_requests", "otel.sdk.span.live"])
    assert.equal(total(processor, name), 0, name);
  assert.equal(points(processor, CALLS)[0]?.attributes["tenant"], '{"toString":1}');
});

for (const [title, end] of [
  ["a Date that is none", new Date(Number.NaN)],
  ["Infinity", Infinity],
  ["an infinite time", [Infinity, 0] as [number, number]],
] as const) {
  test(`RedMetricsSpanProcessor counts a span that ends at ${title}, and keeps no example of such a time`, () => {
    const processor = new RedMetricsSpanProcessor({ serviceName: "shop" });
    createTracer(processor).startSpan("a", { kind: SpanKind.SERVER }).end(end);
    assert.equal(total(processor, CALLS), 1);
    for (const point of points(processor, CALLS)) assert.equal("exemplar" in point, false);
  });
}

test("RedMetricsSpanProcessor throws nothing into span.end(), counts what it could not count, and says so once", (t) => {
  const lines: string[] = [];
  t.mock.method(fs, "writeSync", (_: number, text: string) => lines.push(text));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const processor = new RedMetricsSpanProcessor({ serviceName: "shop" });
  const broken = { kind: SpanKind.SERVER, attributes: undefined } as unknown as ReadableSpan;
  for (let i = 0; i < 3; i++) processor.onEnd(broken);
  processor.onStart(broken as never);
  assert.deepEqual(
    points(processor, "redtrail.red.span.ignored").map(({ attributes, value }) => [attributes, value]),
    [[{ reason: "error" }, 4]],
  );
  assert.equal(lines.length, 1);
  assert.match(lines[0] as string, /^redtrail: a span could not be counted \(TypeError: .*\)\n$/);
});

test("RedMetricsSpanProcessor's producer gives what collect gives, with no resource of its own", async () => {
  const processor = new RedMetricsSpanProcessor({ serviceName: "shop" });
  createTracer(processor).startSpan("a", { kind: SpanKind.CLIENT }).end();
  const { resourceMetrics, errors } = await processor.producer.collect();
  assert.deepEqual(errors, []);
  assert.deepEqual(resourceMetrics.resource.attributes, {});
  const names = (scopes: typeof resourceMetrics.scopeMetrics): string[] =>
    scopes.flatMap(({ scope, metrics }) => metrics.map(({ descriptor }) => `${scope.name} ${descriptor.name}`));
  assert.deepEqual(names(resourceMetrics.scopeMetrics), names(processor.collect()));
  assert.ok(names(resourceMetrics.scopeMetrics).includes(`redtrail ${CALLS}`));
});

test("RedMetricsSpanProcessor names the metrics of the groups that are on, for others to leave alone", async () => {
  const names = (families: readonly ("http" | "db" | "spanmetrics")[]): readonly string[] =>
    new RedMetricsSpanProcessor({ serviceName: "shop", families }).names;
  assert.deepEqual(names([]), []);
  assert.deepEqual(names(["spanmetrics"]), []);
  assert.deepEqual(names(["db", "http"]).toSorted(), [
    "db.client.operation.duration",
    "http.client.request.duration",
    "http.server.active_requests",
    HTTP,
  ]);
  const processor = new RedMetricsSpanProcessor({ serviceName: "shop" });
  await processor.forceFlush();
  await processor.shutdown();
});
