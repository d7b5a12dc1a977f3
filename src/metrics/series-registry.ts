// A bounded map from a tuple of label values to the series that counts it: nested maps, so that a lookup allocates nothing.
import type { Attributes } from "@opentelemetry/api";

export type LabelValue = string | number | boolean | undefined;

/** Longer values are cut: a label is an identity, not a payload. */
const MAX_VALUE_LENGTH = 255;

type Level<Series> = Map<LabelValue, Level<Series> | Series>;

export interface SeriesRegistryOptions<Series> {
  /** Attribute keys, in the order of the tuples' values. */
  readonly keys: readonly string[];
  /** Series at most; any further tuple is counted in one overflow series, so that totals stay right. */
  readonly limit: number;
  /** Makes a series for its attributes; the attributes object is the same for its whole life. */
  readonly create: (attributes: Attributes) => Series;
  /** Called once, when the limit is first met. */
  readonly onOverflow?: () => void;
}

export class SeriesRegistry<Series extends object> {
  /** All series, in the order of their creation. */
  readonly all: Series[] = [];
  /** How many recordings went to the overflow series. */
  overflowed = 0;
  readonly #options: SeriesRegistryOptions<Series>;
  readonly #root: Level<Series> = new Map();
  #overflow: Series | undefined;

  constructor(options: SeriesRegistryOptions<Series>) {
    this.#options = options;
  }

  /** The series of these values; `values` is only read, so callers reuse one array. */
  get(values: readonly LabelValue[]): Series {
    let level = this.#root;
    const last = values.length - 1;
    for (let depth = 0; depth < last; depth++) {
      const next = level.get(values[depth]);
      if (next === undefined) return this.#add(values);
      level = next as Level<Series>;
    }
    return (level.get(values[last]) as Series | undefined) ?? this.#add(values);
  }

  #add(given: readonly LabelValue[]): Series {
    if (this.all.length >= this.#options.limit) return this.#addToOverflow();
    const values = given.map(cut);
    if (values.some((value, index) => value !== given[index])) return this.get(values);
    let level = this.#root;
    for (const value of values.slice(0, -1)) {
      let next = level.get(value);
      if (next === undefined) level.set(value, (next = new Map() as Level<Series>));
      level = next as Level<Series>;
    }
    const series = this.#options.create(this.#attributes(values));
    level.set(values.at(-1), series);
    this.all.push(series);
    return series;
  }

  #attributes(values: readonly LabelValue[]): Attributes {
    const attributes: Attributes = {};
    for (const [index, key] of this.#options.keys.entries()) {
      const value = values[index];
      if (value !== undefined) attributes[key] = value;
    }
    return attributes;
  }

  /** https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute */
  #addToOverflow(): Series {
    this.overflowed++;
    if (this.#overflow === undefined) {
      this.#overflow = this.#options.create({ "otel.metric.overflow": true });
      this.all.push(this.#overflow);
      this.#options.onOverflow?.();
    }
    return this.#overflow;
  }
}

function cut(value: LabelValue): LabelValue {
  return typeof value === "string" && value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value;
}
