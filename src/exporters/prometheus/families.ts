// Groups metrics of all scopes into families, as an exposition needs them: one type, one help text, no name twice.
import { DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { InstrumentationScope } from "@opentelemetry/core";
import { log } from "../../diagnostics/log.ts";
import type { Syntax } from "./format.ts";
import type { FamilyName, FamilyType, Naming } from "./names.ts";

export interface FamilyMember {
  readonly metric: MetricData;
  readonly scope: InstrumentationScope;
}

export interface Family extends FamilyName {
  readonly type: FamilyType;
  help: string;
  readonly members: FamilyMember[];
}

/** What else a family's samples are called, by its type: nobody else may have such a name. */
const SUFFIXES: Record<FamilyType, readonly string[]> = {
  counter: ["_total"],
  gauge: [],
  histogram: ["_bucket", "_count", "_sum"],
};
/** OpenMetrics, whose families must not be able to clash, whether these samples are written or not. */
const OPENMETRICS_SUFFIXES: Record<FamilyType, readonly string[]> = {
  counter: [...SUFFIXES.counter, "_created"],
  gauge: SUFFIXES.gauge,
  histogram: [...SUFFIXES.histogram, "_created"],
};

/** Sorted by name. A metric that does not fit is left out, with one warning. */
export function groupFamilies(scopeMetrics: readonly ScopeMetrics[], naming: Naming, syntax: Syntax): Family[] {
  const families = new Map<string, Family>();
  /** Names of samples, and of families. */
  const taken = new Set(syntax === "openmetrics" ? ["target", "target_info"] : ["target_info"]);
  const suffixes = syntax === "openmetrics" ? OPENMETRICS_SUFFIXES : SUFFIXES;
  for (const { scope, metrics } of scopeMetrics) {
    for (const metric of metrics.filter(isMetric)) {
      const type = familyType(metric);
      const { name: given, unit, description } = metric.descriptor;
      const name = naming.familyName(given, unit, type);
      // A gauge `x` and a counter `x_total` are two families, but for OpenMetrics, which calls both `x`.
      const key = syntax === "openmetrics" ? name.base : name.sample;
      const namesOf = (): string[] => [key, ...suffixes[type].map((suffix) => name.base + suffix)];
      const family =
        families.get(key) ?? addFamily(families, taken, namesOf(), { ...name, type, help: description, members: [] });
      if (family === undefined || family.type !== type) {
        warnConflict(given, key, family === undefined ? "a name that is taken" : `a ${family.type} already`);
        continue;
      }
      if (family.unit !== name.unit) warnDifference("unit", given, key);
      if (family.help === "") family.help = description;
      else if (description !== "" && description !== family.help) warnDifference("description", given, key);
      family.members.push({ metric, scope });
    }
  }
  return Array.from(families)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, family]) => family);
}

/** With anything to write. The SDK checks nothing that a producer hands in: what is no metric costs itself, not the scrape. */
function isMetric({ dataPoints, dataPointType, descriptor }: MetricData): boolean {
  if (DataPointType[dataPointType] !== undefined && Array.isArray(dataPoints) && isDescriptor(descriptor)) {
    return dataPoints.length > 0;
  }
  log.warnSometimes("no metric", "a source of metrics hands in what is no metric; it is left out of the scrape");
  return false;
}

function isDescriptor(descriptor: Partial<MetricData["descriptor"]> | undefined): boolean {
  return [descriptor?.name, descriptor?.unit, descriptor?.description].every((text) => typeof text === "string");
}

function familyType(metric: MetricData): FamilyType {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? "counter" : "gauge";
    case DataPointType.GAUGE:
      return "gauge";
    case DataPointType.HISTOGRAM:
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return "histogram";
  }
}

function addFamily(
  families: Map<string, Family>,
  taken: Set<string>,
  names: readonly string[],
  family: Family,
): Family | undefined {
  if (names.some((name) => taken.has(name))) return undefined;
  for (const name of names) taken.add(name);
  families.set(names[0] as string, family);
  return family;
}

function warnConflict(given: string, name: string, what: string): void {
  log.warnSometimes(
    `family ${name} ${given}`,
    `metric "${given}" would be "${name}", ${what}; it is left out of the scrape`,
  );
}

function warnDifference(what: string, given: string, name: string): void {
  log.warnSometimes(`${what} ${name} ${given}`, `metric "${given}" gives "${name}" another ${what}; the first is kept`);
}
