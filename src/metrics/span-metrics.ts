// Calls and durations of all request spans by name, kind and status, as the Collector's span metrics connector or Tempo names them.
// https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/spanmetricsconnector
import type { Attributes } from "@opentelemetry/api";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { type CounterSeries, type HistogramSeries, createCounterSeries, createHistogramSeries } from "./data.ts";
import type { Dimension } from "./dimension.ts";
import { DURATION_BOUNDS } from "./families.ts";
import { type Label, type LabelValue, templateIds } from "./labels.ts";
import { warnOfLimit } from "./limits.ts";
import { histogramData, sumData } from "./metric-data.ts";
import { type RedMetricsOptions, type RedOptions, type RegistryOptions, labelLimit, withSlo } from "./red-options.ts";
import { SeriesRegistry } from "./series-registry.ts";

/** Names as the Collector's connector writes them in labels. */
const KIND_NAMES = [
  "SPAN_KIND_INTERNAL",
  "SPAN_KIND_SERVER",
  "SPAN_KIND_CLIENT",
  "SPAN_KIND_PRODUCER",
  "SPAN_KIND_CONSUMER",
] as const;
export const UNSET = "STATUS_CODE_UNSET";
export const ERROR = "STATUS_CODE_ERROR";
export const STATUS_NAMES: readonly string[] = [UNSET, "STATUS_CODE_OK", ERROR];

/** Milliseconds; the connector's own. */
const BOUNDS_MS = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000];

type Named = Pick<ReadableSpan, "name" | "kind">;
type SpanMetricsOptions = RegistryOptions & Pick<RedMetricsOptions, "serviceName" | "resourceAttributes">;

export class SpanMetrics {
  readonly calls: SeriesRegistry<CounterSeries>;
  readonly duration: SeriesRegistry<HistogramSeries>;
  readonly #options: SpanMetricsOptions;
  /** What gives the values of the dimensions. */
  readonly reads: readonly Read[];
  /** What a duration in seconds is multiplied by. */
  readonly scale: number;
  /** By dimension. */
  readonly #isOfCalls: readonly boolean[];
  readonly #isOfDuration: readonly boolean[];
  readonly #unit: RedOptions["unit"];
  readonly #tempo = new WeakMap<object, CounterSeries | HistogramSeries>();

  constructor(options: SpanMetricsOptions) {
    // The span metrics' own labels are taken.
    const dimensions = options.dimensions.filter(({ key }) => !OWN_KEYS.has(key));
    this.#options = options;
    // Tempo's durations are seconds.
    this.#unit = options.profile === "collector" ? options.unit : "s";
    this.scale = this.#unit === "s" ? 1 : 1000;
    this.reads = dimensions.map((dimension) => readDimension(dimension, options.resourceAttributes));
    this.#isOfCalls = areOf(dimensions, "calls");
    this.#isOfDuration = areOf(dimensions, "duration");
    const bounds = boundsOf(options, this.#unit);
    const labelsOf = (isPart: readonly boolean[]): Label[] =>
      dimensions.filter((_, index) => isPart[index]).map(({ key }) => ({ key, limit: labelLimit(options, key) }));
    this.calls = this.#registry("calls", labelsOf(this.#isOfCalls), createCounterSeries, errorTwin);
    this.duration = this.#registry("duration", labelsOf(this.#isOfDuration), (attributes) =>
      createHistogramSeries(attributes, bounds, options.nativeHistograms),
    );
  }

  /** The tuples of a span with these dimensions, in the registries' order: the status stands last, it is the outcome. */
  callsValues({ name, kind }: Named, status: string, dimensions: readonly LabelValue[]): LabelValue[] {
    return [name, KIND_NAMES[kind], ...dimensions.filter((_, index) => this.#isOfCalls[index]), status];
  }

  durationValues({ name, kind }: Named, status: string, dimensions: readonly LabelValue[]): LabelValue[] {
    return [name, KIND_NAMES[kind], ...dimensions.filter((_, index) => this.#isOfDuration[index]), status];
  }

  collect(): MetricData[] {
    const { profile, namespace } = this.#options;
    const unit = this.#unit;
    const metrics: MetricData[] = [];
    if (profile !== "tempo") {
      metrics.push(
        sumData(
          { name: `${namespace}.calls`, description: "Number of spans that ended.", unit: "{call}" },
          true,
          this.calls.all,
        ),
        histogramData({ name: `${namespace}.duration`, description: "Duration of spans.", unit }, this.duration.all),
      );
    }
    if (profile !== "collector") {
      // Tempo's `latency` carries no unit in its name, though it is in seconds.
      metrics.push(
        sumData(
          { name: "traces_spanmetrics_calls", description: "Number of spans that ended.", unit: "" },
          true,
          this.calls.all.map((series) => this.#asTempo(series)),
        ),
        histogramData(
          { name: "traces_spanmetrics_latency", description: "Duration of spans.", unit: "" },
          this.duration.all.map((series) => this.#asTempo(series)),
        ),
      );
    }
    return metrics;
  }

  #registry<Series extends CounterSeries | HistogramSeries>(
    metric: string,
    dimensions: readonly Label[],
    create: (attributes: Attributes) => Series,
    twinOf?: (values: readonly LabelValue[]) => LabelValue[] | undefined,
  ): SeriesRegistry<Series> {
    const options = this.#options;
    const service = { "service.name": options.serviceName };
    const name: Label = {
      key: "span.name",
      limit: labelLimit(options, "span.name"),
      ...(options.templateIds ? { clean: templateIds } : {}),
    };
    return new SeriesRegistry<Series>({
      identity: [name, { key: "span.kind" }, ...dimensions],
      outcome: [{ key: "status.code" }],
      limit: options.seriesLimit,
      idleAfterS: options.idleAfterS,
      onEviction: options.onEviction,
      create: (attributes) => create("otel.metric.overflow" in attributes ? attributes : { ...service, ...attributes }),
      ...(twinOf === undefined ? {} : { twinOf }),
      onLimit: (limit, label) => warnOfLimit(`${options.namespace}.${metric}`, limit, label),
    });
  }

  /** The same series under Tempo's label; its value is shared, or copied where it is a number. */
  #asTempo<Series extends CounterSeries | HistogramSeries>(series: Series): Series {
    let twin = this.#tempo.get(series) as Series | undefined;
    if (twin === undefined) {
      const { "service.name": service, ...attributes } = series.attributes;
      twin = { ...series, attributes: { ...(service === undefined ? {} : { service }), ...attributes } };
      this.#tempo.set(series, twin);
    }
    return Object.assign(twin, { value: series.value, ...exemplarsOf(series) });
  }
}

function exemplarsOf(series: CounterSeries | HistogramSeries): object {
  return "exemplars" in series ? { exemplars: series.exemplars } : { exemplar: (series as CounterSeries).exemplar };
}

function boundsOf(options: RedOptions, unit: RedOptions["unit"]): readonly number[] {
  if (unit === "s") return withSlo(options.buckets ?? DURATION_BOUNDS, options);
  const toMs = (seconds: number): number => Math.round(seconds * 1e6) / 1000;
  return withSlo(options.buckets?.map(toMs) ?? BOUNDS_MS, { slo: options.slo.map(toMs) });
}

/** The first error of a name would else be a counter that begins at 1, and `rate` would not see it. */
function errorTwin(values: readonly LabelValue[]): LabelValue[] {
  return [...values.slice(0, -1), values.at(-1) === ERROR ? UNSET : ERROR];
}

/** Which dimensions a metric has. Two of one key would be one label, and two series one: the last holds. */
function areOf(dimensions: readonly Dimension[], metric: Dimension["only"]): boolean[] {
  const own = dimensions.map(({ only }) => only === undefined || only === metric);
  const last = new Map(dimensions.flatMap(({ key }, index) => (own[index] === true ? [[key, index]] : [])));
  return dimensions.map(({ key }, index) => last.get(key) === index);
}

/** Keys of the span metrics' own labels. */
const OWN_KEYS: ReadonlySet<string> = new Set(["service.name", "span.name", "span.kind", "status.code"]);

type Read = (attributes: Attributes) => unknown;

function readDimension({ key, fallback }: Dimension, resourceAttributes: Attributes = {}): Read {
  const otherwise = resourceAttributes[key] ?? fallback;
  return (attributes) => attributes[key] ?? otherwise;
}
