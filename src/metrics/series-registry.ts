// A bounded map from a tuple of label values to the series that counts it.
//
// What happens to a tuple that is not there yet, in this order; each step is counted, so that `sum` without a filter stays right:
//   1. its values are brought into form (labels.ts)
//   2. a value beyond its label's limit becomes `_other`
//   3. beyond the series limit, a tuple that differs from a known one in its outcome alone (status code, error) still gets in
//   4. otherwise series that have been idle for long make room
//   5. otherwise it is counted in the one series otel.metric.overflow="true"
import type { Attributes } from "@opentelemetry/api";
import { type Label, type LabelValue, OTHER_VALUE, cleanValue, primitive } from "./labels.ts";

/** Once the limit is met, the idle are looked for at most this often. */
const EVICT_EVERY_S = 10;

export interface SeriesRegistryOptions<Series> {
  /** What a series is of, in the order of the tuples' values. */
  readonly identity: readonly Label[];
  /** How it ended; these follow the identity in the tuples. */
  readonly outcome: readonly Label[];
  /** Series at most. Further outcomes of what is known are let in up to twice as many. */
  readonly limit: number;
  /** Seconds after which an idle series may be given up for a new one; 0 is never. */
  readonly idleAfterS: number;
  /** Makes a series for its attributes; the attributes object is the same for its whole life. */
  readonly create: (attributes: Attributes) => Series;
  /** The tuple that is to be there, at zero, beside a new one. */
  readonly twinOf?: (values: readonly LabelValue[]) => LabelValue[] | undefined;
  /** Called when idle series have been given up. */
  readonly onEviction?: () => void;
  /** Called once per label, and once for the series limit. */
  readonly onLimit?: (limit: number, label?: string) => void;
}

interface Entry<Series> {
  readonly series: Series;
  readonly values: readonly LabelValue[];
  readonly identity: string;
  /** What it was made beside, as a twin. */
  readonly beside: Series | undefined;
}

export class SeriesRegistry<Series extends { lastSeen: number }> {
  /** How many recordings went to the overflow series. */
  overflowed = 0;
  /** How many recordings got `_other` for a value, by the key of its label. */
  readonly capped: Map<string, number> = new Map();
  /** How many idle series were given up. */
  evicted = 0;
  readonly #options: SeriesRegistryOptions<Series>;
  readonly #labels: readonly Label[];
  /** By key: the values, joined. What is written the same in an exposition is one series. */
  readonly #entries = new Map<string, Entry<Series>>();
  /** How many series each identity has. */
  readonly #identities = new Map<string, number>();
  /** By label: its distinct values, and how many series have each. */
  readonly #known: readonly (Map<LabelValue, number> | undefined)[];
  #all: Series[] = [];
  #overflow: Series | undefined;
  #nextEvictionS = 0;

  constructor(options: SeriesRegistryOptions<Series>) {
    this.#options = options;
    this.#labels = [...options.identity, ...options.outcome];
    this.#known = this.#labels.map(({ limit }) => (limit === undefined ? undefined : new Map()));
  }

  /** All series, in the order of their creation. */
  get all(): readonly Series[] {
    return this.#all;
  }

  get limit(): number {
    return this.#options.limit;
  }

  /** The series of these values, which are only read. A key is made for it: series-memo.ts spares most spans that. */
  get(values: readonly LabelValue[], nowS: number): Series {
    return this.#entries.get(keyOf(values))?.series ?? this.#add(values, nowS);
  }

  /** Whether these values have a series of their own just as they are. */
  has(values: readonly LabelValue[]): boolean {
    return this.#entries.has(keyOf(values));
  }

  #add(given: readonly LabelValue[], nowS: number): Series {
    const cleaned = given.map((value, index) => cleanValue(this.#labels[index] as Label, value));
    const clean = this.#entries.get(keyOf(cleaned));
    if (clean !== undefined) return clean.series;
    const values = cleaned.map((value, index) => this.#cap(value, index));
    const capped = this.#entries.get(keyOf(values));
    if (capped !== undefined) return capped.series;
    if (!this.#hasRoomFor(values)) {
      this.#evictIdle(nowS);
      if (!this.#hasRoomFor(values)) return this.#addToOverflow(nowS);
    }
    const series = this.#insert(values);
    const twin = this.#options.twinOf?.(values);
    if (twin !== undefined && !this.has(twin) && this.#hasRoomFor(twin)) this.#insert(twin, series);
    return series;
  }

  #cap(value: LabelValue, index: number): LabelValue {
    const known = this.#known[index];
    if (known === undefined || value === undefined || known.has(value)) return value;
    const { key, limit = Infinity } = this.#labels[index] as Label;
    if (known.size < limit) return value;
    const count = this.capped.get(key) ?? 0;
    if (count === 0) this.#options.onLimit?.(limit, key);
    this.capped.set(key, count + 1);
    return OTHER_VALUE;
  }

  #hasRoomFor(values: readonly LabelValue[]): boolean {
    const { limit } = this.#options;
    const { size } = this.#entries;
    return size < limit || (size < 2 * limit && this.#identities.has(this.#identityOf(values)));
  }

  #identityOf(values: readonly LabelValue[]): string {
    return keyOf(values.slice(0, this.#options.identity.length));
  }

  #insert(values: readonly LabelValue[], beside?: Series): Series {
    const series = this.#options.create(this.#attributes(values));
    const identity = this.#identityOf(values);
    this.#entries.set(keyOf(values), { series, values, identity, beside });
    this.#identities.set(identity, (this.#identities.get(identity) ?? 0) + 1);
    this.#all.push(series);
    for (const [index, value] of values.entries()) this.#use(index, value, 1);
    return series;
  }

  #use(index: number, value: LabelValue, change: 1 | -1): void {
    const known = this.#known[index];
    if (known === undefined || value === undefined || value === OTHER_VALUE) return;
    const count = (known.get(value) ?? 0) + change;
    if (count === 0) known.delete(value);
    else known.set(value, count);
  }

  #attributes(values: readonly LabelValue[]): Attributes {
    const attributes: Attributes = {};
    for (const [index, { key }] of this.#labels.entries()) {
      const value = values[index];
      if (value !== undefined) attributes[key] = value;
    }
    return attributes;
  }

  /** One that comes back begins at zero, with a new start time. */
  #evictIdle(nowS: number): void {
    const { idleAfterS } = this.#options;
    if (idleAfterS === 0 || nowS < this.#nextEvictionS) return;
    // Spans of the future, as somebody may import them, make nothing old.
    if (nowS > Date.now() / 1000 + idleAfterS) return;
    this.#nextEvictionS = nowS + EVICT_EVERY_S;
    const before = this.#entries.size;
    for (const [key, entry] of this.#entries) {
      if (nowS - this.#lastSeen(entry) > idleAfterS) this.#remove(key, entry);
    }
    if (this.#entries.size === before) return;
    this.evicted += before - this.#entries.size;
    this.#options.onEviction?.();
    this.#all = Array.from(this.#entries.values(), ({ series }) => series);
    if (this.#overflow !== undefined) this.#all.push(this.#overflow);
  }

  /** A twin lives for as long as what it stands beside. */
  #lastSeen({ series, values, beside }: Entry<Series>): number {
    const twin = this.#options.twinOf?.(values);
    const other = twin === undefined ? undefined : this.#entries.get(keyOf(twin));
    return Math.max(series.lastSeen, other?.series.lastSeen ?? 0, beside?.lastSeen ?? 0);
  }

  #remove(key: string, { values, identity }: Entry<Series>): void {
    this.#entries.delete(key);
    const left = (this.#identities.get(identity) ?? 1) - 1;
    if (left === 0) this.#identities.delete(identity);
    else this.#identities.set(identity, left);
    for (const [index, value] of values.entries()) this.#use(index, value, -1);
  }

  /** https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute */
  #addToOverflow(nowS: number): Series {
    this.overflowed++;
    if (this.#overflow === undefined) {
      this.#overflow = this.#options.create({ "otel.metric.overflow": true });
      this.#all.push(this.#overflow);
      this.#options.onLimit?.(this.#options.limit);
    }
    this.#overflow.lastSeen = nowS;
    return this.#overflow;
  }
}

/** Attributes that are maps are none of LabelValue's types, and `join` throws at some. */
function keyOf(values: readonly LabelValue[]): string {
  return (values.some(isObject) ? values.map(primitive) : values).join("\0");
}

function isObject(value: unknown): boolean {
  return typeof value === "object";
}
