// What one member has said of its series: each message moves the sum by what is new in it.
import { log } from "../diagnostics/log.ts";
import { type CounterSeries, type HistogramSeries, now } from "../metrics/data.ts";
import { type Exemplar, updateExemplar } from "../metrics/exemplar.ts";
import { type MergedExponential, addExponential, emptyExponential, readExponential } from "./exponential.ts";
import type { MergedMetrics, MergedSeries } from "./merged-metrics.ts";
import type { NewSeries, Points, WireExemplar } from "./protocol.ts";
import { isLater } from "./series-key.ts";

interface Held {
  startTime: NewSeries["startTime"];
  isHeld: boolean;
  values: readonly number[];
  exponential: MergedExponential | undefined;
}

const PRUNE_FROM = 1_000;

export class Mirror {
  readonly #merged: MergedMetrics;
  readonly #label: string;
  readonly #held = new Map<MergedSeries, Held>();
  /** Of the present link; null is a series that could not be taken. */
  #byId = new Map<number, MergedSeries | null>();
  #pruneAt = PRUNE_FROM;

  constructor(merged: MergedMetrics, label: string) {
    this.#merged = merged;
    this.#label = label;
  }

  apply({ series, values, exponential, exemplars, gone }: Points): void {
    for (const one of series) this.#introduce(one);
    for (const [id, ...numbers] of values) this.#withSeries(id, (one, held) => addValues(one, held, numbers));
    for (const [id, ...numbers] of exponential) this.#withSeries(id, (one, held) => addBuckets(one, held, numbers));
    for (const row of exemplars) this.#withSeries(row[0], (one) => takeExemplar(one, row));
    for (const id of gone) {
      const one = this.#byId.get(id);
      this.#byId.delete(id);
      if (one) this.#release(one);
    }
  }

  /** Ids of a new link begin anew. */
  relink(): void {
    this.#byId = new Map();
  }

  /** The member is gone: what it has counted stays. */
  depart(): void {
    this.relink();
    for (const one of this.#held.keys()) this.#release(one);
  }

  /** As though the member had never been. */
  withdraw(): void {
    for (const [one, held] of this.#held) {
      if (one.type === "counter") addValues(one, held, [0], true);
      else if (one.type === "histogram")
        addValues(
          one,
          held,
          Array.from(held.values, () => 0),
          true,
        );
      if (held.exponential !== undefined) addExponential(bucketsOf(one), held.exponential, -1);
    }
    this.depart();
    this.#held.clear();
  }

  #introduce(given: NewSeries): void {
    const known = given.attributes["worker"];
    const worker = known === undefined ? this.#label : `${this.#label}/${String(known)}`;
    const attributes = given.type === "gauge" ? { ...given.attributes, worker } : given.attributes;
    const series = this.#merged.series(given, attributes);
    this.#byId.set(given.id, series ?? null);
    if (series === undefined) return;
    let held = this.#held.get(series);
    if (held === undefined || isLater(given.startTime, held.startTime)) {
      const before = series.type === "updown" ? (held?.values ?? []) : [];
      const isHeld = held?.isHeld ?? false;
      held = { startTime: given.startTime, isHeld, values: before, exponential: undefined };
      this.#held.set(series, held);
      if (this.#held.size > this.#pruneAt) this.#prune();
    }
    if (!held.isHeld) series.holders++;
    held.isHeld = true;
  }

  /** Series that idleness has removed would else stay here for ever. */
  #prune(): void {
    for (const series of this.#held.keys()) if (series.isRemoved) this.#held.delete(series);
    this.#pruneAt = Math.max(this.#held.size * 2, PRUNE_FROM);
  }

  #withSeries(id: number | null | undefined, use: (series: MergedSeries, held: Held) => boolean): void {
    const series = this.#byId.get(id ?? -1);
    if (series === null) return;
    const held = series && this.#held.get(series);
    if (series !== undefined && held !== undefined && use(series, held)) {
      series.point.lastSeen = now()[0];
      return;
    }
    this.#merged.lose("malformed");
    log.warnSometimes("cluster malformed", "a message of another process of this cluster is not understood; left out");
  }

  #release(series: MergedSeries): void {
    const held = this.#held.get(series);
    if (held === undefined || !held.isHeld) return;
    held.isHeld = false;
    series.holders--;
    if (series.type === "updown") (series.point as CounterSeries).value -= held.values[0] ?? 0;
    if (series.type !== "updown" && series.type !== "gauge") return;
    this.#held.delete(series);
    if (series.holders === 0) series.remove();
  }
}

/** False where these are not numbers of such a series. `isExact`: a lower value is one, and not a beginning at zero. */
function addValues(
  { type, point }: MergedSeries,
  held: Held,
  given: readonly (number | null)[],
  isExact = false,
): boolean {
  const numbers = given.map((one) => one ?? NaN);
  const length = type === "histogram" ? (point as HistogramSeries).value.buckets.counts.length + 1 : 1;
  if (type === "exponential" || numbers.length !== length) return false;
  if (type !== "gauge" && !numbers.every(Number.isFinite)) return false;
  const before = held.values;
  held.values = numbers;
  const added = numbers[0] as number;
  const first = before[0] ?? 0;
  const counter = point as CounterSeries;
  if (type === "gauge") counter.value = added;
  else if (type === "updown") counter.value += added - first;
  else if (type === "counter") counter.value += added < first && !isExact ? added : added - first;
  else addHistogram(point as HistogramSeries, numbers, isExact || countOf(before) <= countOf(numbers) ? before : []);
  return true;
}

function addHistogram({ value }: HistogramSeries, numbers: readonly number[], before: readonly number[]): void {
  const { counts } = value.buckets;
  value.sum += (numbers[0] as number) - (before[0] ?? 0);
  for (let index = 0; index < counts.length; index++) {
    const added = (numbers[index + 1] as number) - (before[index + 1] ?? 0);
    counts[index] = (counts[index] as number) + added;
    value.count += added;
  }
}

function countOf(numbers: readonly number[]): number {
  let count = 0;
  for (let index = 1; index < numbers.length; index++) count += numbers[index] as number;
  return count;
}

function addBuckets(series: MergedSeries, held: Held, numbers: readonly number[]): boolean {
  if (series.type !== "histogram" && series.type !== "exponential") return false;
  const given = readExponential(numbers);
  if (given === undefined) return false;
  const before = held.exponential;
  const into = bucketsOf(series);
  addExponential(into, given, 1);
  if (before !== undefined && before.count <= given.count) addExponential(into, before, -1);
  held.exponential = given;
  return true;
}

function bucketsOf({ type, point }: MergedSeries): MergedExponential {
  if (type === "exponential") return point.value as MergedExponential;
  const series = point as HistogramSeries;
  series.exponential ??= emptyExponential();
  return series.exponential as MergedExponential;
}

/** The newest of all members, as it would be if one process had measured them all. */
function takeExemplar({ type, point }: MergedSeries, row: WireExemplar): boolean {
  const [, bucket, value, time, traceId, spanId, requestId, failed] = row;
  const origin = { time, traceId, spanId, requestId: requestId ?? undefined, failed };
  if (type === "counter" && bucket === 0) {
    const counter = point as CounterSeries;
    counter.exemplar = newer(counter.exemplar, value, origin);
    return true;
  }
  if (type !== "histogram") return false;
  const series = point as HistogramSeries;
  const { length } = series.value.buckets.counts;
  if (!Number.isInteger(bucket) || bucket < 0 || bucket >= length) return false;
  series.exemplars ??= Array.from({ length }, () => undefined);
  series.exemplars[bucket] = newer(series.exemplars[bucket], value, origin);
  return true;
}

function newer(old: Exemplar | undefined, value: number, origin: Omit<Exemplar, "value">): Exemplar {
  if (old !== undefined && origin.time < old.time && (old.failed || !origin.failed)) return old;
  return updateExemplar(old, value, origin);
}
