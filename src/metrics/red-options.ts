// What can be chosen about RED metrics, and what holds if nothing is.
import type { Attributes } from "@opentelemetry/api";
import type { Dimension } from "./dimension.ts";
import type { ErrorClass } from "./error-class.ts";
import type { ExemplarFilter } from "./exemplar.ts";
import type { Exclusion } from "./exclusion.ts";
import type { FamilyGroup } from "./families.ts";

export type RedFamilyName = FamilyGroup | "spanmetrics";

export interface RedOptions {
  /** Groups of metrics that are written. @default all */
  readonly families: readonly RedFamilyName[];
  /** Names of the span metrics: the Collector's, Tempo's, or both for a time of change. @default collector */
  readonly profile: "collector" | "tempo" | "both";
  /** Of the span metrics' durations. @default s */
  readonly unit: "s" | "ms";
  /** What the Collector profile's names begin with. @default traces.span.metrics */
  readonly namespace: string;
  readonly dimensions: readonly Dimension[];
  readonly exclusions: readonly Exclusion[];
  readonly errorClasses: readonly ErrorClass[];
  /** Requests that broke off: series of their own, in no duration at all, or as all others. @default separate */
  readonly aborted: "separate" | "exclude" | "include";
  /** Server-sent events in the durations. @default exclude */
  readonly streams: "exclude" | "include";
  /** Seconds, in place of the bounds of http, rpc, messaging and span metrics. @default the conventions' */
  readonly buckets: readonly number[] | undefined;
  /** Seconds; further bounds of every histogram. @default none */
  readonly slo: readonly number[];
  /** Series per metric at most. @default 2000 */
  readonly seriesLimit: number;
  /** Distinct values at most, by attribute key. @default DEFAULT_LABEL_LIMITS, and 512 for others */
  readonly labelLimits: Readonly<Record<string, number>>;
  /** Seconds without a recording after which a series may be given up for a new one; 0 is never. @default 900 */
  readonly idleAfterS: number;
  /** Whether numbers, UUIDs and the like in span names and routes become `{id}`. @default false */
  readonly templateIds: boolean;
  /** @default trace_based */
  readonly exemplarFilter: ExemplarFilter;
  /** Whether each histogram has exponential buckets too, for Prometheus' native histograms. @default true */
  readonly nativeHistograms: boolean;
}

export interface RedMetricsOptions extends Partial<RedOptions> {
  readonly serviceName: string;
  /** Where a dimension that the span lacks is looked up. */
  readonly resourceAttributes?: Attributes;
}

/** For the registries of a RedMetrics. */
export interface RegistryOptions extends RedOptions {
  readonly onEviction: () => void;
}

export const RED_FAMILY_NAMES: readonly RedFamilyName[] = ["http", "db", "messaging", "rpc", "spanmetrics"];

export const DEFAULT_LABEL_LIMITS: Readonly<Record<string, number>> = {
  "http.route": 512,
  "span.name": 1024,
  "server.address": 512,
  "error.type": 64,
};
/** Of labels that DEFAULT_LABEL_LIMITS does not name. */
export const DEFAULT_LABEL_LIMIT = 512;

export const RED_DEFAULTS: RedOptions = {
  families: RED_FAMILY_NAMES,
  profile: "collector",
  unit: "s",
  namespace: "traces.span.metrics",
  dimensions: [],
  exclusions: [],
  errorClasses: [],
  aborted: "separate",
  streams: "exclude",
  buckets: undefined,
  slo: [],
  seriesLimit: 2000,
  labelLimits: {},
  idleAfterS: 900,
  templateIds: false,
  exemplarFilter: "trace_based",
  nativeHistograms: true,
};

/** The limit of a label's distinct values. */
export function labelLimit({ labelLimits }: Pick<RedOptions, "labelLimits">, key: string): number {
  return labelLimits[key] ?? DEFAULT_LABEL_LIMITS[key] ?? DEFAULT_LABEL_LIMIT;
}

/** Bounds with those of the objectives among them, in order. */
export function withSlo(bounds: readonly number[], { slo }: Pick<RedOptions, "slo">): readonly number[] {
  return slo.length === 0 ? bounds : [...new Set([...bounds, ...slo])].toSorted((a, b) => a - b);
}
