// The sum of several processes' metrics: live data points that values are added to, and taken from again.
import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import { AggregationTemporality, DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../diagnostics/log.ts";
import { type CounterSeries, type HistogramSeries, now } from "../metrics/data.ts";
import { type MergedExponential, emptyExponential } from "./exponential.ts";
import type { NewSeries, SeriesType } from "./protocol.ts";
import { attributesKey, metricKey } from "./series-key.ts";

interface ExponentialSeries extends Omit<CounterSeries, "value" | "exemplar"> {
  value: MergedExponential;
}

export type MergedPoint = CounterSeries | HistogramSeries | ExponentialSeries;

export interface MergedSeries {
  readonly type: SeriesType;
  readonly point: MergedPoint;
  /** Members that have it now. */
  holders: number;
  isRemoved: boolean;
  remove(): void;
}

interface MergedMetric {
  readonly data: Omit<MetricData, "dataPoints">;
  readonly boundaries: readonly number[];
  readonly series: Map<string, MergedSeries>;
  /** Undefined when it is to be made anew. */
  points: MergedPoint[] | undefined;
}

/** One `Map` per scope, so that a collection gives each scope once. */
interface MergedScope {
  readonly scope: InstrumentationScope;
  readonly metrics: Map<string, MergedMetric>;
}

export type LossReason = "series_limit" | "member_limit" | "boundaries" | "malformed";

export const MAX_SERIES = 20_000;
/** At the limit, series of members that are gone make room when nothing has been added to them for this long. */
const IDLE_AFTER_S = 600;
const EVICT_EVERY_S = 10;

export class MergedMetrics {
  /** Of all sums: one that began later, when a member came that began later, would be taken for one that began again. */
  readonly #startTime = now();
  readonly #scopes = new Map<string, MergedScope>();
  readonly #maxSeries: number;
  #size = 0;
  #nextEvictionS = 0;
  /** What could not be added, in series or messages or members, by reason. */
  readonly lost: Map<LossReason, number> = new Map();

  constructor(maxSeries: number = MAX_SERIES) {
    this.#maxSeries = maxSeries;
  }

  /** The series that this one is added up in; undefined where that cannot be. */
  series(given: NewSeries, attributes: Attributes): MergedSeries | undefined {
    const metric = this.#metric(given);
    if (given.type === "histogram" && !isEqual(metric.boundaries, given.boundaries ?? [])) {
      return this.#lose(
        "boundaries",
        `metric "${given.name}" has other buckets in another process; the first ones are kept, the others left out`,
      );
    }
    const key = attributesKey(attributes);
    const known = metric.series.get(key);
    if (known !== undefined) return known;
    if (!this.#hasRoom()) {
      return this.#lose(
        "series_limit",
        `the metrics of this cluster have reached ${this.#maxSeries} series; further ones are left out`,
      );
    }
    const point = newPoint(given, attributes, this.#startTime);
    const series: MergedSeries = {
      type: given.type,
      point,
      holders: 0,
      isRemoved: false,
      remove: () => {
        series.isRemoved = true;
        if (!metric.series.delete(key)) return;
        metric.points = undefined;
        this.#size--;
      },
    };
    metric.series.set(key, series);
    metric.points = undefined;
    this.#size++;
    return series;
  }

  #metric(given: NewSeries): MergedMetric {
    const { scope, name, description, unit, type, isInteger, boundaries = [] } = given;
    const scopeKey = `${scope.name}\0${scope.version ?? ""}\0${scope.schemaUrl ?? ""}`;
    let inScope = this.#scopes.get(scopeKey);
    if (inScope === undefined) this.#scopes.set(scopeKey, (inScope = { scope, metrics: new Map() }));
    const key = metricKey(given);
    let metric = inScope.metrics.get(key);
    if (metric === undefined) {
      const descriptor = { name, description, unit, valueType: isInteger ? ValueType.INT : ValueType.DOUBLE };
      const data = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE, ...POINT_TYPES[type] };
      metric = { data, boundaries, series: new Map(), points: undefined };
      inScope.metrics.set(key, metric);
    }
    return metric;
  }

  #hasRoom(): boolean {
    if (this.#size < this.#maxSeries) return true;
    const [nowS] = now();
    if (nowS < this.#nextEvictionS) return false;
    this.#nextEvictionS = nowS + EVICT_EVERY_S;
    for (const { metrics } of this.#scopes.values()) {
      for (const { series } of metrics.values()) {
        for (const one of series.values()) {
          if (one.holders === 0 && nowS - one.point.lastSeen > IDLE_AFTER_S) one.remove();
        }
      }
    }
    return this.#size < this.#maxSeries;
  }

  #lose(reason: LossReason, warning: string): undefined {
    this.lose(reason);
    log.warnSometimes(`cluster ${reason} ${reason === "boundaries" ? warning : ""}`, warning);
  }

  lose(reason: LossReason): void {
    this.lost.set(reason, (this.lost.get(reason) ?? 0) + 1);
  }

  /** The points are the live ones; only their end time is new. */
  collect(): ScopeMetrics[] {
    const endTime: HrTime = now();
    return Array.from(this.#scopes.values(), ({ scope, metrics }) => ({
      scope,
      metrics: Array.from(metrics.values(), (metric) => toData(metric, endTime)).filter(
        ({ dataPoints }) => dataPoints.length > 0,
      ),
    })).filter(({ metrics }) => metrics.length > 0);
  }
}

const POINT_TYPES = {
  counter: { dataPointType: DataPointType.SUM, isMonotonic: true },
  updown: { dataPointType: DataPointType.SUM, isMonotonic: false },
  gauge: { dataPointType: DataPointType.GAUGE },
  histogram: { dataPointType: DataPointType.HISTOGRAM },
  exponential: { dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM },
} satisfies Record<SeriesType, object>;

function newPoint({ type, boundaries = [] }: NewSeries, attributes: Attributes, startTime: HrTime): MergedPoint {
  const common = { attributes, startTime, endTime: startTime, lastSeen: now()[0] };
  if (type === "exponential") return { ...common, value: emptyExponential() };
  if (type !== "histogram") return { ...common, value: 0 };
  const counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  return { ...common, value: { buckets: { boundaries: [...boundaries], counts }, sum: 0, count: 0 } };
}

function toData(metric: MergedMetric, endTime: HrTime): MetricData {
  metric.points ??= Array.from(metric.series.values(), ({ point }) => point);
  for (const point of metric.points) point.endTime = endTime;
  return { ...metric.data, dataPoints: metric.points } as MetricData;
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
