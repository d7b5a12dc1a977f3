// Turns collected metrics into messages of what has changed since the last time.
import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { CounterSeries, HistogramSeries } from "../metrics/data.ts";
import type { Exemplar } from "../metrics/exemplar.ts";
import { exponentialNumbers } from "./exponential.ts";
import type { NewSeries, Points, SeriesType, WireExemplar } from "./protocol.ts";
import { attributesKey, isLater, metricKey } from "./series-key.ts";

type Point = DataPoint<unknown>;

/** What was sent of a series. */
interface Sent {
  readonly id: number;
  readonly startTime: HrTime;
  /** Its value, or the count of a histogram: what does not move as long as nothing is recorded. */
  value: number | undefined;
  /** Times of exemplars, by bucket. */
  readonly exemplarTimes: number[];
  round: number;
  /** Whether it comes from a source that is asked each time. */
  isFast: boolean;
  isGone: boolean;
}

interface Given {
  readonly scope: InstrumentationScope;
  readonly metric: MetricData;
  readonly type: SeriesType;
  readonly point: Point;
}

interface SentMetric {
  readonly byAttributes: WeakMap<Attributes, Sent>;
  readonly byKey: Map<string, Sent>;
}

type Draft = { -readonly [K in "series" | "values" | "exponential" | "exemplars" | "gone"]: Points[K][number][] };

export interface EncodeOptions {
  /** Which sources were asked: all, those that are asked each time, or just some of them. */
  readonly asked: "all" | "fast" | "some";
}

/** Series in one message at most: receivers bound the size of what they read. */
const CHUNK = 500;

export class SeriesEncoder {
  readonly #metrics = new Map<string, SentMetric>();
  #nextId = 1;
  #round = 0;

  encode(scopeMetrics: readonly ScopeMetrics[], { asked }: EncodeOptions): Points[] {
    this.#round++;
    const drafts: Draft[] = [newDraft()];
    for (const { scope, metrics } of scopeMetrics) {
      for (const metric of metrics) {
        const type = typeOf(metric);
        if (type === undefined) continue;
        const key = metricKey({ scope, ...metric.descriptor, type });
        let sent = this.#metrics.get(key);
        if (sent === undefined) this.#metrics.set(key, (sent = { byAttributes: new WeakMap(), byKey: new Map() }));
        for (const point of metric.dataPoints) this.#add(drafts, sent, { scope, metric, type, point }, asked);
      }
    }
    if (asked !== "some") this.#forgetGone(drafts, asked);
    return drafts.filter((draft) => Object.values(draft).some(({ length }) => length > 0)).map(toPoints);
  }

  #add(drafts: Draft[], metric: SentMetric, given: Given, asked: EncodeOptions["asked"]): void {
    const { type, point } = given;
    const value = changeMark(type, point);
    if (Number.isNaN(value) && type !== "gauge") return;
    let draft = drafts.at(-1) as Draft;
    if (draft.values.length + draft.exponential.length >= CHUNK) drafts.push((draft = newDraft()));
    const sent = this.#find(metric, given) ?? this.#introduce(draft, metric, given);
    sent.round = this.#round;
    if (asked === "fast") sent.isFast = true;
    if (Object.is(sent.value, value)) return;
    sent.value = value;
    writeValues(draft, sent.id, type, point);
    writeExemplars(draft, sent, point as Partial<HistogramSeries & CounterSeries>);
  }

  #find({ byAttributes, byKey }: SentMetric, { type, point }: Given): Sent | undefined {
    const { attributes, startTime } = point;
    let sent = byAttributes.get(attributes);
    if (sent === undefined || sent.isGone) {
      sent = byKey.get(attributesKey(attributes));
      if (sent === undefined) return undefined;
      byAttributes.set(attributes, sent);
    }
    if (type === "gauge" || type === "updown") return sent;
    // A later start: given up meanwhile, and begun again at zero.
    return isLater(startTime, sent.startTime) ? undefined : sent;
  }

  #introduce(draft: Draft, { byAttributes, byKey }: SentMetric, { scope, metric, type, point }: Given): Sent {
    const { name, description, unit, valueType } = metric.descriptor;
    const { attributes, startTime } = point;
    const id = this.#nextId++;
    const sent: Sent = { id, startTime, value: undefined, exemplarTimes: [], round: 0, isFast: false, isGone: false };
    byAttributes.set(attributes, sent);
    byKey.set(attributesKey(attributes), sent);
    draft.series.push({
      id,
      scope: plainScope(scope),
      name,
      description,
      unit,
      type,
      isInteger: valueType === ValueType.INT,
      ...(type === "histogram" ? { boundaries: (point.value as Histogram).buckets.boundaries } : {}),
      attributes: wireAttributes(attributes),
      startTime,
    });
    return sent;
  }

  #forgetGone(drafts: Draft[], asked: "all" | "fast"): void {
    for (const { byKey } of this.#metrics.values()) {
      for (const [key, sent] of byKey) {
        if (sent.round === this.#round || (asked === "fast" && !sent.isFast)) continue;
        (drafts.at(-1) as Draft).gone.push(sent.id);
        sent.isGone = true;
        byKey.delete(key);
      }
    }
  }
}

/** JavaScript lets more into attributes than OpenMetrics or JSON have; no label of it may cost the message. */
function wireAttributes(attributes: Attributes): Attributes {
  const safe: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    const isPlain = ["string", "boolean"].includes(typeof value) || Number.isFinite(value);
    if (isPlain) safe[key] = value;
    else if (value !== undefined && value !== null) safe[key] = textOf(value);
  }
  return safe;
}

function textOf(value: unknown): string {
  try {
    return typeof value === "object" ? (JSON.stringify(value) ?? String(value)) : String(value);
  } catch {
    return "[object]";
  }
}

function typeOf(metric: MetricData): SeriesType | undefined {
  if (metric.dataPointType === DataPointType.GAUGE) return "gauge";
  if (metric.aggregationTemporality !== AggregationTemporality.CUMULATIVE) return undefined;
  if (metric.dataPointType === DataPointType.HISTOGRAM) return "histogram";
  if (metric.dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM) return "exponential";
  return metric.isMonotonic ? "counter" : "updown";
}

function changeMark(type: SeriesType, { value }: Point): number {
  if (type !== "histogram" && type !== "exponential") return value as number;
  const { count, sum = 0 } = value as Histogram;
  return Number.isFinite(sum) ? count : NaN;
}

function writeValues(draft: Draft, id: number, type: SeriesType, point: Point): void {
  if (type === "exponential") {
    const value = point.value as ExponentialHistogram;
    draft.exponential.push([id, ...exponentialNumbers(value, value.sum ?? 0, value.count)]);
    return;
  }
  if (type !== "histogram") {
    draft.values.push([id, point.value as number]);
    return;
  }
  const { sum = 0, count, buckets } = point.value as Histogram;
  draft.values.push([id, sum, ...buckets.counts]);
  const { exponential } = point as Partial<HistogramSeries>;
  if (exponential !== undefined) draft.exponential.push([id, ...exponentialNumbers(exponential, sum, count)]);
}

function writeExemplars(
  draft: Draft,
  { id, exemplarTimes }: Sent,
  { exemplar, exemplars }: { readonly exemplar?: Exemplar | undefined; readonly exemplars?: (Exemplar | undefined)[] },
): void {
  for (const [bucket, one] of (exemplars ?? [exemplar]).entries()) {
    if (one === undefined || exemplarTimes[bucket] === one.time) continue;
    const { value, time, traceId, spanId, requestId, failed } = one;
    exemplarTimes[bucket] = time;
    const row: WireExemplar = [id, bucket, value, time, traceId, spanId, requestId ?? null, failed];
    draft.exemplars.push(row);
  }
}

function plainScope({ name, version, schemaUrl }: InstrumentationScope): NewSeries["scope"] {
  return { name, ...(version === undefined ? {} : { version }), ...(schemaUrl === undefined ? {} : { schemaUrl }) };
}

function newDraft(): Draft {
  return { series: [], values: [], exponential: [], exemplars: [], gone: [] };
}

function toPoints(draft: Draft): Points {
  return { type: "points", ...draft };
}
