// A data point as the writers see it: OpenTelemetry's, with what redtrail's own points carry beside.
import type { Attributes, HrTime } from "@opentelemetry/api";
import { type ExponentialHistogram, DataPointType, type Histogram, type MetricData } from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../../metrics/exemplar.ts";
import type { ExponentialBuckets } from "../../metrics/exponential.ts";

export interface Point {
  readonly attributes: Attributes;
  readonly startTime: HrTime;
  readonly value: number | Histogram | ExponentialHistogram;
  readonly exemplar?: Exemplar | undefined;
  readonly exemplars?: readonly (Exemplar | undefined)[] | undefined;
  readonly exponential?: ExponentialBuckets | undefined;
}

export function pointsOf({ dataPoints }: MetricData): readonly Point[] {
  return dataPoints;
}

export function isHistogram({ dataPointType }: MetricData): boolean {
  return dataPointType === DataPointType.HISTOGRAM;
}

/** The SDK lets an app add NaN to a counter, or observe a negative one; to OpenMetrics such a line spoils the whole scrape. */
export function isCount({ value }: Point): boolean {
  return (value as number) >= 0;
}

/** Prometheus' stores drop older ones, and a trace may be gone by then. */
const MAX_EXEMPLAR_AGE_S = 600;
/** Characters of an exemplar's names and values together, by OpenMetrics. */
const MAX_EXEMPLAR_CHARACTERS = 128;

export function isFresh(exemplar: Exemplar | undefined, nowS: number): exemplar is Exemplar {
  return exemplar !== undefined && nowS - exemplar.time < MAX_EXEMPLAR_AGE_S;
}

/** Its request id, if there is room for it beside trace and span. */
export function fittingRequestId({ traceId, spanId, requestId }: Exemplar): string | undefined {
  if (requestId === undefined) return undefined;
  const characters = "trace_idspan_idrequest_id".length + traceId.length + spanId.length + requestId.length;
  return characters <= MAX_EXEMPLAR_CHARACTERS ? requestId : undefined;
}

export function secondsOf([seconds, nanoseconds]: HrTime): number {
  return seconds + nanoseconds / 1e9;
}
