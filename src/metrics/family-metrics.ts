// One family of the semantic conventions: the spans that it counts, by the labels that they give.
import type { MetricData } from "@opentelemetry/sdk-metrics";
import { type HistogramSeries, createHistogramSeries } from "./data.ts";
import { histogramData } from "./metric-data.ts";
import { createErrorTest, isCode } from "./error-class.ts";
import { type FamilyDefinition, DURATION_BOUNDS, type Source } from "./families.ts";
import { warnOfLimit } from "./limits.ts";
import { templateIds } from "./labels.ts";
import { type RedOptions, type RegistryOptions, labelLimit, withSlo } from "./red-options.ts";
import { ATTR } from "../semconv.ts";
import { SeriesRegistry } from "./series-registry.ts";

/** Values of these may hold ids. */
const TEMPLATED: ReadonlySet<string> = new Set([
  ATTR.route,
  "url.template",
  "messaging.destination.name",
  "rpc.method",
]);

export class FamilyMetrics {
  readonly registry: SeriesRegistry<HistogramSeries>;
  readonly name: string;
  /** What gives the values of a series, in the order of its labels. */
  readonly reads: readonly Source["read"][];
  readonly #description: string;

  constructor({ name, description, identity, outcome, bounds }: FamilyDefinition, options: RegistryOptions) {
    const limited = (source: Source): Source => ({
      ...source,
      ...(source.clean === undefined ? { limit: labelLimit(options, source.key) } : {}),
      ...(options.templateIds && TEMPLATED.has(source.key) ? { clean: templateIds } : {}),
      ...errorTypeOf(name, source, options),
    });
    const labels = { identity: identity.map(limited), outcome: outcome.map(limited) };
    const boundaries = withSlo(bounds === DURATION_BOUNDS ? (options.buckets ?? bounds) : bounds, options);
    this.name = name;
    this.#description = description;
    this.reads = [...labels.identity, ...labels.outcome].map(({ read }) => read);
    this.registry = new SeriesRegistry({
      ...labels,
      limit: options.seriesLimit,
      idleAfterS: options.idleAfterS,
      onEviction: options.onEviction,
      create: (attributes) => createHistogramSeries(attributes, boundaries, options.nativeHistograms),
      onLimit: (limit, label) => warnOfLimit(name, limit, label),
    });
  }

  collect(): MetricData {
    return histogramData({ name: this.name, description: this.#description, unit: "s" }, this.registry.all);
  }
}

/** Where a setting says which answers are errors, their `error.type` follows it. */
function errorTypeOf(name: string, source: Source, { errorClasses }: RedOptions): Pick<Source, "read"> | undefined {
  if (source.key !== ATTR.errorType || !name.startsWith("http.")) return undefined;
  const isError = createErrorTest(errorClasses, name.startsWith("http.server") ? "server" : "client");
  if (isError === undefined) return undefined;
  return {
    read: (attributes) => {
      const given = attributes[ATTR.errorType];
      const code = attributes[ATTR.responseStatusCode] ?? attributes["http.status_code"];
      if (!isCode(code) || (given !== undefined && given !== String(code))) return given;
      return isError(Number(code)) ? String(code) : undefined;
    },
  };
}
