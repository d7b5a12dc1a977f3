// Writes collected metrics as Prometheus text.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format (version 0.0.4)
import type { Attributes } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import { type DataPoint, DataPointType, type Histogram, type ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../../diagnostics/log.ts";
import { type Family, groupFamilies } from "./families.ts";
import { escapeHelp, labelSet, numberText } from "./names.ts";

interface CachedLabels {
  readonly scope: string;
  readonly text: string;
}

/** A serializer with a memory: series keep their attributes object, so their labels are rendered once and not per scrape. */
export function createSerializer(): (resourceMetrics: ResourceMetrics) => string {
  const cache = new WeakMap<Attributes, CachedLabels>();

  function labelsOf(attributes: Attributes, scope: InstrumentationScope, scopeKey: string): string {
    const cached = cache.get(attributes);
    if (cached !== undefined && cached.scope === scopeKey) return cached.text;
    const text = labelSet(scopeAttributes(scope), attributes);
    cache.set(attributes, { scope: scopeKey, text });
    return text;
  }

  function writeFamily({ name, type, help, members }: Family): string {
    const seen = new Set<string>();
    let text = help === "" ? "" : `# HELP ${name} ${escapeHelp(help)}\n`;
    text += `# TYPE ${name} ${type}\n`;
    for (const { metric, scope } of members) {
      const scopeKey = `${scope.name}\0${scope.version ?? ""}\0${scope.schemaUrl ?? ""}`;
      for (const point of metric.dataPoints) {
        const labels = labelsOf(point.attributes, scope, scopeKey);
        // Two series that cleaning has made one: one series has one sample in a scrape.
        if (seen.has(labels)) {
          warnDuplicate(name);
          continue;
        }
        seen.add(labels);
        text +=
          metric.dataPointType === DataPointType.HISTOGRAM
            ? writeHistogram(name, labels, (point as DataPoint<Histogram>).value)
            : `${name}{${labels}} ${numberText(point.value as number)}\n`;
      }
    }
    return seen.size === 0 ? "" : text;
  }

  /** The SDK checks nothing that a producer hands in: what cannot be written costs its family, not the scrape. */
  function tryWriteFamily(family: Family): string {
    try {
      return writeFamily(family);
    } catch (error) {
      const { name } = family;
      log.warnSometimes(`write ${name}`, `metric "${name}" cannot be written (${String(error)}); it is left out`);
      return "";
    }
  }

  return (resourceMetrics) => {
    let text = groupFamilies(resourceMetrics).map(tryWriteFamily).join("");
    text += "# HELP target_info Target metadata\n# TYPE target_info gauge\n";
    text += `target_info{${labelSet(resourceMetrics.resource.attributes)}} 1\n`;
    return text;
  };
}

function warnDuplicate(name: string): void {
  log.warnSometimes(
    `duplicate ${name}`,
    `metric "${name}" has series whose labels are the same in Prometheus' text; only the first of them is written`,
  );
}

function writeHistogram(name: string, labels: string, { buckets, count, sum }: Histogram): string {
  const { boundaries, counts } = buckets;
  const prefix = `${name}_bucket{${labels}${labels === "" ? "" : ","}le="`;
  const suffix = labels === "" ? " " : `{${labels}} `;
  let text = "";
  let cumulative = 0;
  for (const [index, bound] of boundaries.entries()) {
    cumulative += counts[index] as number;
    text += `${prefix}${numberText(bound)}"} ${cumulative}\n`;
  }
  text += `${prefix}+Inf"} ${count}\n`;
  if (sum !== undefined) text += `${name}_sum${suffix}${numberText(sum)}\n`;
  return `${text}${name}_count${suffix}${count}\n`;
}

/** Every sample says which instrumentation it comes from. */
function scopeAttributes({ name, version, schemaUrl }: InstrumentationScope): Attributes {
  return {
    otel_scope_name: name,
    ...(version === undefined || version === "" ? {} : { otel_scope_version: version }),
    ...(schemaUrl === undefined || schemaUrl === "" ? {} : { otel_scope_schema_url: schemaUrl }),
  };
}
