// Ended spans for tests of what counts them.
import { type Attributes, type HrTime, SpanKind } from "@opentelemetry/api";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { RedMetrics } from "../../src/metrics/red-metrics.ts";
import type { RedMetricsOptions } from "../../src/metrics/red-options.ts";

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly name?: string;
  readonly attributes?: Attributes;
  readonly code?: number;
  readonly duration?: HrTime;
  readonly startS?: number;
  readonly endS?: number;
  readonly scope?: string;
  readonly exception?: string;
  readonly isSampled?: boolean;
  readonly traceId?: string;
}

export const GET_USER: Attributes = {
  "http.request.method": "GET",
  "http.route": "/users/:id",
  "http.response.status_code": 200,
  "url.scheme": "http",
  "network.protocol.version": "1.1",
};
export const NOW_S = 1_764_000_000;

export function span({
  kind = SpanKind.SERVER,
  name = "GET /users/:id",
  attributes = GET_USER,
  code = 0,
  duration = [0, 20e6],
  startS = NOW_S,
  endS = NOW_S,
  scope = "test",
  exception,
  isSampled = true,
  traceId = "1".repeat(32),
}: SpanOptions = {}): ReadableSpan {
  const events = exception === undefined ? [] : [{ name: "exception", attributes: { "exception.type": exception } }];
  return {
    kind,
    name,
    attributes,
    status: { code },
    duration,
    startTime: [startS, 0],
    endTime: [endS, 0],
    instrumentationScope: { name: scope },
    events,
    spanContext: () => ({ traceId, spanId: "2".repeat(16), traceFlags: isSampled ? 1 : 0 }),
  } as unknown as ReadableSpan;
}

export interface TestMetrics {
  readonly metrics: RedMetrics;
  family(name: string): MetricData | undefined;
  /** Attributes of a family's only series. */
  labels(name: string): Attributes;
  /** The sum over a family's series: of values, or of histograms' counts. */
  total(name: string): number;
}

export function createMetrics(options: Partial<RedMetricsOptions> = {}): TestMetrics {
  const metrics = new RedMetrics({ serviceName: "shop", ...options });
  const family = (name: string): MetricData | undefined =>
    metrics
      .collect()
      .flatMap((scope) => scope.metrics)
      .find(({ descriptor }) => descriptor.name === name);
  return {
    metrics,
    family,
    labels(name) {
      const points = family(name)?.dataPoints ?? [];
      if (points.length !== 1) throw new Error(`${name} has ${points.length} series`);
      return (points[0] as { attributes: Attributes }).attributes;
    },
    total(name) {
      const points = (family(name)?.dataPoints ?? []) as { value: number | { count: number } }[];
      return points.reduce((sum, { value }) => sum + (typeof value === "number" ? value : value.count), 0);
    },
  };
}
