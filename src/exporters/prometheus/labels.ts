// The labels of a sample: names translated, collisions joined, values as text. Pure.
import type { Attributes } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import { cleanText } from "./escaping.ts";
import type { Naming } from "./names.ts";

export type LabelPair = readonly [name: string, value: string];

/**
 * The values of keys that become one name are joined by `;` in the keys' order. Sorted by name and without empty values, which are
 * no labels to Prometheus: two sets that are one series to it are equal.
 */
export function labelPairs(naming: Pick<Naming, "labelName">, ...sources: readonly Attributes[]): LabelPair[] {
  const labels = new Map<string, string>();
  const entries = sources.flatMap((attributes) => Object.entries(attributes));
  for (const [key, value] of entries.toSorted(byKey)) {
    if (value === undefined || value === null) continue;
    const name = naming.labelName(key);
    const text = valueText(value);
    const other = labels.get(name);
    labels.set(name, other === undefined ? text : `${other};${text}`);
  }
  return Array.from(labels)
    .filter(([, text]) => text !== "")
    .toSorted(byKey);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

/** Never throws: what JSON cannot write is written as text. */
function valueText(value: unknown): string {
  if (typeof value === "string") return cleanText(value);
  try {
    return cleanText(typeof value === "object" ? (JSON.stringify(value) ?? String(value)) : String(value));
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Every sample says which instrumentation it comes from. */
export function scopeAttributes(scope: InstrumentationScope & { readonly attributes?: Attributes }): Attributes {
  const { name, version, schemaUrl, attributes = {} } = scope;
  const further = Object.entries(attributes).map(([key, value]) => [`otel_scope_${key}`, value] as const);
  return {
    ...Object.fromEntries(further),
    otel_scope_name: name,
    ...(version === undefined || version === "" ? {} : { otel_scope_version: version }),
    ...(schemaUrl === undefined || schemaUrl === "" ? {} : { otel_scope_schema_url: schemaUrl }),
  };
}
