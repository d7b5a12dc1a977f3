// Groups metrics of all scopes into families, as an exposition needs them: one type, one help text, no name twice.
import { DataPointType, type MetricData, type ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { InstrumentationScope } from "@opentelemetry/core";
import { log } from "../../diagnostics/log.ts";
import { type FamilyType, metricName } from "./names.ts";

export interface FamilyMember {
  readonly metric: MetricData;
  readonly scope: InstrumentationScope;
}

export interface Family {
  readonly name: string;
  readonly type: FamilyType;
  help: string;
  readonly members: FamilyMember[];
}

const HISTOGRAM_SAMPLES = ["_bucket", "_count", "_sum"] as const;

/** Sorted by name. A metric that does not fit is left out, with one warning. */
export function groupFamilies({ scopeMetrics }: ResourceMetrics): Family[] {
  const families = new Map<string, Family>();
  /** Names of samples that a family of another name writes: `x_count` of a histogram `x`. */
  const taken = new Map<string, string>([["target_info", "target_info"]]);
  for (const { scope, metrics } of scopeMetrics) {
    for (const metric of metrics) {
      const type = familyType(metric);
      if (type === undefined) continue;
      const { name: given, unit, description } = metric.descriptor;
      const name = metricName(given, unit, type);
      const family = families.get(name) ?? addFamily(families, taken, { name, type, help: description, members: [] });
      if (family === undefined || family.type !== type) {
        warnConflict(given, name, family === undefined ? "a name that is taken" : `a ${family.type} already`);
        continue;
      }
      if (family.help === "") family.help = description;
      family.members.push({ metric, scope });
    }
  }
  return [...families.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function familyType(metric: MetricData): FamilyType | undefined {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? "counter" : "gauge";
    case DataPointType.GAUGE:
      return "gauge";
    case DataPointType.HISTOGRAM:
      return "histogram";
    case DataPointType.EXPONENTIAL_HISTOGRAM: {
      const { name } = metric.descriptor;
      log.warnSometimes(
        `exponential ${name}`,
        `metric "${name}" is an exponential histogram, which Prometheus' text cannot hold; it is left out`,
      );
      return undefined;
    }
  }
}

function addFamily(families: Map<string, Family>, taken: Map<string, string>, family: Family): Family | undefined {
  const { name, type } = family;
  const samples = type === "histogram" ? HISTOGRAM_SAMPLES.map((suffix) => name + suffix) : [];
  if (taken.has(name) || samples.some((sample) => taken.has(sample) || families.has(sample))) return undefined;
  for (const sample of samples) taken.set(sample, name);
  families.set(name, family);
  return family;
}

function warnConflict(given: string, name: string, what: string): void {
  log.warnSometimes(
    `family ${name} ${given}`,
    `metric "${given}" would be "${name}", ${what}; it is left out of the scrape`,
  );
}
