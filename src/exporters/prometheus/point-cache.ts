// What a series' samples begin with, made once and not per scrape: series keep their attributes object.
import type { Attributes } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import type { Family, FamilyMember } from "./families.ts";
import { type LabelPair, labelPairs, scopeAttributes } from "./labels.ts";
import type { Naming } from "./names.ts";
import { type Point, isCount, pointsOf } from "./point.ts";
import type { LeftOut } from "./writer.ts";

/** Families of an app; with more than these the memory begins anew. */
const MAX_FAMILIES = 10_000;

interface Entry<Rendered> {
  readonly scope: string;
  readonly rendered: Rendered;
}

interface FamilyCache<Rendered> {
  readonly help: string;
  readonly header: Buffer;
  readonly points: WeakMap<Attributes, Entry<Rendered>>;
}

/** `key` tells series apart: two with the same are one to Prometheus. */
export interface Keyed {
  readonly key: string;
}

export interface PointCacheOptions<Rendered extends Keyed> {
  readonly naming: Naming;
  /** Labels of every sample, of the resource. */
  readonly constantLabels: () => Attributes;
  readonly scopeLabels: boolean;
  readonly renderHeader: (family: Family) => Buffer;
  readonly renderPoint: (family: Family, labels: readonly LabelPair[]) => Rendered;
}

export class PointCache<Rendered extends Keyed> {
  readonly #options: PointCacheOptions<Rendered>;
  readonly #families = new Map<string, FamilyCache<Rendered>>();

  constructor(options: PointCacheOptions<Rendered>) {
    this.#options = options;
  }

  header(family: Family): Buffer {
    return this.#of(family).header;
  }

  /**
   * Calls `write` for each series of a family that can be written, and pauses after each. Two series that cleaning has made
   * one are one sample in a scrape.
   */
  *writeEach(
    family: Family,
    onLeftOut: (why: LeftOut) => void,
    write: (member: FamilyMember, rendered: Rendered, point: Point) => void,
  ): Generator<void, void> {
    const seen = new Set<string>();
    for (const member of family.members) {
      const renderedOf = this.#rendererOf(family, member);
      for (const point of pointsOf(member.metric)) {
        const rendered = renderedOf(point.attributes);
        if (seen.has(rendered.key)) {
          onLeftOut("duplicate");
          continue;
        }
        seen.add(rendered.key);
        if (family.type === "counter" && !isCount(point)) {
          onLeftOut("negative");
          continue;
        }
        write(member, rendered, point);
        yield;
      }
    }
  }

  /** A function for the points of one metric, so that what they share is looked up once. */
  #rendererOf(family: Family, { scope }: FamilyMember): (attributes: Attributes) => Rendered {
    const { points } = this.#of(family);
    const { naming, scopeLabels, constantLabels, renderPoint } = this.#options;
    const key = scopeKey(scope);
    return (attributes) => {
      const known = points.get(attributes);
      if (known !== undefined && known.scope === key) return known.rendered;
      const ofScope = scopeLabels ? scopeAttributes(scope) : {};
      const rendered = renderPoint(family, labelPairs(naming, ofScope, constantLabels(), attributes));
      points.set(attributes, { scope: key, rendered });
      return rendered;
    };
  }

  #of(family: Family): FamilyCache<Rendered> {
    const { sample, type, help } = family;
    const key = `${type} ${sample}`;
    let cache = this.#families.get(key);
    if (cache === undefined || cache.help !== help) {
      if (this.#families.size >= MAX_FAMILIES) this.#families.clear();
      const points = cache?.points ?? new WeakMap<Attributes, Entry<Rendered>>();
      cache = { help, header: this.#options.renderHeader(family), points };
      this.#families.set(key, cache);
    }
    return cache;
  }
}

function scopeKey({ name, version, schemaUrl }: InstrumentationScope): string {
  return `${name}\0${version ?? ""}\0${schemaUrl ?? ""}`;
}
