import assert from "node:assert/strict";
import test from "node:test";
import { type Attributes, type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { HistogramValue } from "../../src/metrics/data.ts";
import { RedMetrics } from "../../src/metrics/red-metrics.ts";

interface SpanOptions {
  readonly kind?: SpanKind;
  readonly name?: string;
  readonly attributes?: Attributes;
  readonly code?: SpanStatusCode;
  readonly duration?: HrTime;
}

const GET_USER = {
  "http.request.method": "GET",
  "http.route": "/users/:id",
  "http.response.status_code": 200,
  "url.scheme": "http",
  "network.protocol.version": "1.1",
};

function span({
  kind = SpanKind.SERVER,
  name = "GET /users/:id",
  attributes = GET_USER,
  code = 0,
  duration = [0, 20e6],
}: SpanOptions = {}): ReadableSpan {
  return { kind, name, attributes, status: { code }, duration } as ReadableSpan;
}

function createMetrics(seriesLimit?: number): {
  metrics: RedMetrics;
  family: (name: string) => MetricData | undefined;
} {
  const metrics = new RedMetrics({ serviceName: "shop", ...(seriesLimit === undefined ? {} : { seriesLimit }) });
  return { metrics, family: (name) => metrics.collect().metrics.find(({ descriptor }) => descriptor.name === name) };
}

test("RedMetrics counts a SERVER span by method, route, status, scheme and protocol version, in seconds", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ duration: [0, 20e6] }));
  metrics.onEnd(span({ duration: [3, 0] }));
  const points = family("http.server.request.duration")?.dataPoints ?? [];
  assert.equal(points.length, 1);
  assert.deepEqual(points[0]?.attributes, GET_USER);
  const value = points[0]?.value as HistogramValue;
  assert.equal(value.count, 2);
  assert.equal(value.sum, 3.02);
  assert.deepEqual(value.buckets.counts, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
});

test("RedMetrics puts a duration that equals a bound into that bound's bucket", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ duration: [0, 5e6] }));
  metrics.onEnd(span({ duration: [0, 5e6 + 1] }));
  metrics.onEnd(span({ duration: [11, 0] }));
  const { counts } = (family("http.server.request.duration")?.dataPoints[0]?.value as HistogramValue).buckets;
  assert.deepEqual([counts[0], counts[1], counts.at(-1)], [1, 1, 1]);
});

test("RedMetrics counts a CLIENT span by method, server, status and error type, without a route", () => {
  const { metrics, family } = createMetrics();
  const attributes = {
    "http.request.method": "POST",
    "server.address": "stock",
    "server.port": 8080,
    "http.response.status_code": 503,
    "error.type": "503",
    "url.full": "http://stock:8080/?q=1",
  };
  metrics.onEnd(span({ kind: SpanKind.CLIENT, attributes }));
  const { "url.full": _, ...labels } = attributes;
  assert.deepEqual(family("http.client.request.duration")?.dataPoints[0]?.attributes, labels);
});

test("RedMetrics counts every request span in the span metrics, with the Collector's label values", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ kind: SpanKind.CONSUMER, name: "process orders", attributes: {}, code: SpanStatusCode.ERROR }));
  assert.deepEqual(family("traces.span.metrics.calls")?.dataPoints[0]?.attributes, {
    "service.name": "shop",
    "span.name": "process orders",
    "span.kind": "SPAN_KIND_CONSUMER",
    "status.code": "STATUS_CODE_ERROR",
  });
  assert.equal(family("traces.span.metrics.calls")?.dataPoints[0]?.value, 1);
  assert.equal((family("traces.span.metrics.duration")?.dataPoints[0]?.value as HistogramValue).count, 1);
  assert.equal(family("http.server.request.duration"), undefined);
});

test("RedMetrics leaves INTERNAL spans out", () => {
  const { metrics } = createMetrics();
  metrics.onEnd(span({ kind: SpanKind.INTERNAL }));
  assert.deepEqual(metrics.collect().metrics, []);
});

for (const errorType of ["client_aborted", "incomplete_response"]) {
  test(`RedMetrics does not count a response as its status code when it ended as ${errorType}`, () => {
    const { metrics, family } = createMetrics();
    metrics.onEnd(span({ attributes: { ...GET_USER, "error.type": errorType } }));
    const { "http.response.status_code": _, ...labels } = GET_USER;
    assert.deepEqual(family("http.server.request.duration")?.dataPoints[0]?.attributes, {
      ...labels,
      "error.type": errorType,
    });
  });
}

test("RedMetrics counts a stream as a call and keeps its length out of the durations", () => {
  const { metrics, family } = createMetrics();
  metrics.onEnd(span({ attributes: { ...GET_USER, "redtrail.http.streaming": true }, duration: [3600, 0] }));
  assert.equal(family("traces.span.metrics.calls")?.dataPoints[0]?.value, 1);
  assert.equal(family("http.server.request.duration"), undefined);
});

test("RedMetrics knows how many requests are active", () => {
  const { metrics, family } = createMetrics();
  metrics.onStart(span());
  metrics.onStart(span());
  assert.equal(family("http.server.active_requests")?.dataPoints[0]?.value, 2);
  metrics.onEnd(span());
  assert.equal(family("http.server.active_requests")?.dataPoints[0]?.value, 1);
});

test("RedMetrics keeps its totals right beyond the limit of series", () => {
  const { metrics, family } = createMetrics(10);
  for (let i = 0; i < 1_000; i++)
    metrics.onEnd(span({ name: `GET /${i}`, attributes: { ...GET_USER, "http.route": `/${i}` } }));
  const values = family("traces.span.metrics.calls")?.dataPoints.map(({ value }) => value as number) ?? [];
  assert.equal(values.length, 11);
  assert.equal(
    values.reduce((a, b) => a + b),
    1_000,
  );
});
