// Remembers which series a span of some name and values is counted in, so that most spans cost one look-up and no key.
import { type LabelValue, MAX_VALUE_LENGTH } from "./labels.ts";

/** What tells two spans of one name apart, and what was found for it. */
export interface Remembered<Found> {
  readonly status: string;
  /** The array is a family's own, so it stands for the family too. */
  readonly owner: object;
  readonly values: readonly LabelValue[];
  readonly found: Found;
}

/** Names with more than so many kinds of outcome find the rest by key; so does whoever floods names. */
const MAX_PER_NAME = 32;
const MAX_NAMES = 4_096;

export class SeriesMemo<Found> {
  readonly #byName = new Map<string, Remembered<Found>[]>();

  find(name: string, status: string, owner: object, values: readonly LabelValue[]): Found | undefined {
    const remembered = this.#byName.get(name);
    if (remembered === undefined) return undefined;
    for (let index = 0; index < remembered.length; index++) {
      const one = remembered[index] as Remembered<Found>;
      if (one.owner !== owner || one.status !== status || !areEqual(one.values, values)) continue;
      if (index > 0) {
        // The frequent ones come to stand first.
        remembered[index] = remembered[index - 1] as Remembered<Found>;
        remembered[index - 1] = one;
      }
      return one.found;
    }
    return undefined;
  }

  /** A name that is longer than a label's value may be is not worth its memory. */
  add(name: string, one: Remembered<Found>): void {
    if (name.length > MAX_VALUE_LENGTH) return;
    const remembered = this.#byName.get(name);
    if (remembered === undefined) {
      if (this.#byName.size >= MAX_NAMES) this.#byName.clear();
      this.#byName.set(name, [one]);
    } else if (remembered.length < MAX_PER_NAME) remembered.push(one);
    else remembered[MAX_PER_NAME - 1] = one;
  }

  clear(): void {
    this.#byName.clear();
  }
}

function areEqual(some: readonly LabelValue[], others: readonly LabelValue[]): boolean {
  // From the end: outcomes differ more often than what lies before them.
  for (let index = others.length - 1; index >= 0; index--) if (some[index] !== others[index]) return false;
  return true;
}
