// Minimum, median and maximum, and differences that are paired within a repetition.

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (low === undefined || high === undefined || min === undefined || max === undefined) return undefined;
  return { min, median: (low + high) / 2, max };
}

/** One value a repetition; a repetition that failed is absent. */
export type Series = ReadonlyMap<number, number>;

/** The value above base's of the same repetition. */
export function added(series: Series, base: Series): Series {
  const differences = new Map<number, number>();
  for (const [repetition, value] of series) {
    const from = base.get(repetition);
    if (from !== undefined) differences.set(repetition, value - from);
  }
  return differences;
}

/** What the variant adds as a share of what upstream adds in the same repetition; one where upstream added nothing says nothing. */
export function ratios(variantAdded: Series, upstreamAdded: Series): Series {
  const quotients = new Map<number, number>();
  for (const [repetition, value] of variantAdded) {
    const whole = upstreamAdded.get(repetition);
    if (whole !== undefined && whole > 0) quotients.set(repetition, value / whole);
  }
  return quotients;
}

/** The names in an order that starts one further in each repetition, so that no variant always runs after the same one. */
export function rotated<T>(items: readonly T[], repetition: number): T[] {
  return items.map((_, index) => items[(index + repetition) % items.length] as T);
}

export function formatSpread(value: Spread | undefined, digits: number): string {
  if (!value) return "-";
  return [value.min, value.median, value.max].map((number) => formatNumber(number, digits)).join(" / ");
}

function formatNumber(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
