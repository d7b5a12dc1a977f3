// Garbage collections, as Node reports each. https://opentelemetry.io/docs/specs/semconv/runtime/v8js-metrics/#metric-v8jsgcduration
import { ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type HistogramMetricData } from "@opentelemetry/sdk-metrics";
import { type PerformanceEntry, PerformanceObserver, constants } from "node:perf_hooks";
import { type HistogramSeries, createHistogramSeries, recordValue } from "../data.ts";
import type { Source } from "./source.ts";

/** The conventions' bounds, in seconds. */
const BOUNDS: readonly number[] = [0.01, 0.1, 1, 10];

/** V8's minor mark-sweep (`--minor-ms`), for which Node has no constant. */
const MINOR_MARK_SWEEP = 2;

const TYPES: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [MINOR_MARK_SWEEP, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

/** Undefined for a kind that the conventions do not name. */
export function gcType(kind: unknown): string | undefined {
  return TYPES.get(kind);
}

/** Being told of a collection costs about 0.1 ms (Node 24; at 360 collections a second, far more than a server has, 3 % of CPU). */
export function garbageCollections(): Source {
  const seriesByType = new Map<string, HistogramSeries>();
  const duration: HistogramMetricData = {
    descriptor: {
      name: "v8js.gc.duration",
      unit: "s",
      description: "Duration of garbage collections.",
      valueType: ValueType.DOUBLE,
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: [],
  };
  let observer: PerformanceObserver | undefined;

  function addSeries(type: string): void {
    const series = createHistogramSeries({ "v8js.gc.type": type }, BOUNDS);
    seriesByType.set(type, series);
    duration.dataPoints.push(series);
  }

  function record(entry: PerformanceEntry & { readonly detail?: { readonly kind?: unknown } }): void {
    const type = gcType(entry.detail?.kind);
    if (type === undefined) return;
    recordValue(seriesByType.get(type) as HistogramSeries, entry.duration / 1000, Math.trunc(Date.now() / 1000));
  }

  return {
    metrics: [duration],
    start() {
      for (const type of new Set(TYPES.values())) addSeries(type);
      observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) record(entry);
      });
      observer.observe({ type: "gc", buffered: false });
    },
    stop() {
      observer?.disconnect();
    },
  };
}
