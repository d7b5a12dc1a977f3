// Rate, errors and duration from the spans that end here: exact at any sampling rate, bounded in series.
// https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and the Collector's span metrics connector give the names.
import { type Attributes, SpanKind, ValueType } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { log } from "../diagnostics/log.ts";
import { ATTR, ERROR_TYPE } from "../semconv.ts";
import { VERSION } from "../version.ts";
import {
  type CounterSeries,
  HTTP_DURATION_BOUNDS,
  type HistogramSeries,
  createCounterSeries,
  createHistogramSeries,
  now,
  recordDuration,
} from "./data.ts";
import { type LabelValue, SeriesRegistry } from "./series-registry.ts";

export interface RedMetricsOptions {
  readonly serviceName: string;
  /** Series per metric family at most. @default 2000 */
  readonly seriesLimit?: number;
}

/** Names as the Collector's connector writes them in labels. */
const KIND_NAMES = [
  "SPAN_KIND_INTERNAL",
  "SPAN_KIND_SERVER",
  "SPAN_KIND_CLIENT",
  "SPAN_KIND_PRODUCER",
  "SPAN_KIND_CONSUMER",
] as const;
const STATUS_NAMES = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"] as const;

interface SpanSeries {
  readonly calls: CounterSeries;
  readonly duration: HistogramSeries;
}

export class RedMetrics {
  readonly #server: SeriesRegistry<HistogramSeries>;
  readonly #client: SeriesRegistry<HistogramSeries>;
  readonly #spans: SeriesRegistry<SpanSeries>;
  readonly #active: SeriesRegistry<CounterSeries>;
  /** Reused for each lookup: recording a span allocates nothing once its series exists. */
  readonly #httpValues: LabelValue[] = [undefined, undefined, undefined, undefined, undefined, undefined];
  readonly #spanValues: LabelValue[] = [undefined, undefined, undefined, undefined];
  readonly #activeValues: LabelValue[] = [undefined, undefined];

  constructor({ serviceName, seriesLimit = 2000 }: RedMetricsOptions) {
    const histogram = (name: string, keys: readonly string[]): SeriesRegistry<HistogramSeries> =>
      new SeriesRegistry({
        keys,
        limit: seriesLimit,
        create: (attributes) => createHistogramSeries(attributes, HTTP_DURATION_BOUNDS),
        onOverflow: () => warnOfOverflow(name, seriesLimit),
      });
    const { requestMethod, responseStatusCode, errorType, networkProtocolVersion } = ATTR;
    this.#server = histogram("http.server.request.duration", [
      requestMethod,
      ATTR.route,
      responseStatusCode,
      errorType,
      ATTR.urlScheme,
      networkProtocolVersion,
    ]);
    this.#client = histogram("http.client.request.duration", [
      requestMethod,
      ATTR.serverAddress,
      ATTR.serverPort,
      responseStatusCode,
      errorType,
      networkProtocolVersion,
    ]);
    this.#spans = new SeriesRegistry<SpanSeries>({
      keys: ["service.name", "span.name", "span.kind", "status.code"],
      limit: seriesLimit,
      create: (attributes) => ({
        calls: createCounterSeries(attributes),
        duration: createHistogramSeries(attributes, HTTP_DURATION_BOUNDS),
      }),
      onOverflow: () => warnOfOverflow("traces.span.metrics", seriesLimit),
    });
    this.#active = new SeriesRegistry<CounterSeries>({
      keys: [requestMethod, ATTR.urlScheme],
      limit: seriesLimit,
      create: createCounterSeries,
    });
    this.#spanValues[0] = serviceName;
  }

  /** Counts an HTTP request that has begun. */
  onStart(span: Pick<ReadableSpan, "kind" | "attributes">): void {
    const series = this.#activeSeries(span);
    if (series !== undefined) series.value++;
  }

  /** Counts a span that has ended. INTERNAL spans are not requests and are left out. */
  onEnd(span: ReadableSpan): void {
    const { kind, attributes, duration } = span;
    if (kind === SpanKind.INTERNAL) return;
    const seconds = duration[0] + duration[1] / 1e9;
    const isStream = attributes[ATTR.streaming] === true;
    const spanSeries = this.#spanSeries(span);
    spanSeries.calls.value++;
    if (!isStream) recordDuration(spanSeries.duration, seconds);

    const active = this.#activeSeries(span);
    if (active !== undefined) active.value--;
    const http = isStream ? undefined : this.#httpSeries(kind, attributes);
    if (http !== undefined) recordDuration(http, seconds);
  }

  /** All families, as OpenTelemetry metric data. The data points are the live series: read them before the next tick. */
  collect(): ScopeMetrics {
    const spans = this.#spans.all;
    const metrics = [
      histogramData("http.server.request.duration", "Duration of HTTP server requests.", this.#server.all),
      histogramData("http.client.request.duration", "Duration of HTTP client requests.", this.#client.all),
      sumData(
        "http.server.active_requests",
        "Number of active HTTP server requests.",
        "{request}",
        false,
        this.#active.all,
      ),
      sumData(
        "traces.span.metrics.calls",
        "Number of spans that ended.",
        "{call}",
        true,
        spans.map((one) => one.calls),
      ),
      histogramData(
        "traces.span.metrics.duration",
        "Duration of spans.",
        spans.map((one) => one.duration),
      ),
    ];
    return {
      scope: { name: "redtrail", version: VERSION },
      metrics: metrics.filter((one) => one.dataPoints.length > 0),
    };
  }

  #spanSeries({ name, kind, status }: ReadableSpan): SpanSeries {
    const values = this.#spanValues;
    values[1] = name;
    values[2] = KIND_NAMES[kind];
    values[3] = STATUS_NAMES[status.code];
    return this.#spans.get(values);
  }

  #activeSeries({ kind, attributes }: Pick<ReadableSpan, "kind" | "attributes">): CounterSeries | undefined {
    const method = attributes[ATTR.requestMethod];
    if (kind !== SpanKind.SERVER || method === undefined) return undefined;
    this.#activeValues[0] = method as LabelValue;
    this.#activeValues[1] = attributes[ATTR.urlScheme] as LabelValue;
    return this.#active.get(this.#activeValues);
  }

  #httpSeries(kind: SpanKind, attributes: Attributes): HistogramSeries | undefined {
    const method = attributes[ATTR.requestMethod] as LabelValue;
    if (method === undefined) return undefined;
    const values = this.#httpValues;
    values[0] = method;
    values[5] = attributes[ATTR.networkProtocolVersion] as LabelValue;
    if (kind === SpanKind.SERVER) {
      values[1] = attributes[ATTR.route] as LabelValue;
      values[2] = completeStatus(attributes);
      values[3] = attributes[ATTR.errorType] as LabelValue;
      values[4] = attributes[ATTR.urlScheme] as LabelValue;
      return this.#server.get(values);
    }
    if (kind !== SpanKind.CLIENT) return undefined;
    values[1] = attributes[ATTR.serverAddress] as LabelValue;
    values[2] = attributes[ATTR.serverPort] as LabelValue;
    values[3] = completeStatus(attributes);
    values[4] = attributes[ATTR.errorType] as LabelValue;
    return this.#client.get(values);
  }
}

/** A response that broke off is not a 200, whatever its first line said. */
function completeStatus(attributes: Attributes): LabelValue {
  const errorType = attributes[ATTR.errorType];
  if (errorType === ERROR_TYPE.clientAborted || errorType === ERROR_TYPE.incompleteResponse) return undefined;
  return attributes[ATTR.responseStatusCode] as LabelValue;
}

function warnOfOverflow(name: string, limit: number): void {
  log.warn(
    `${name} has reached its ${limit} series (REDTRAIL_RED_SERIES_LIMIT); further ones are counted together as otel_metric_overflow="true"`,
  );
}

function histogramData(name: string, description: string, dataPoints: HistogramSeries[]): MetricData {
  stamp(dataPoints);
  return {
    descriptor: { name, description, unit: "s", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints,
  };
}

function sumData(
  name: string,
  description: string,
  unit: string,
  isMonotonic: boolean,
  dataPoints: CounterSeries[],
): MetricData {
  stamp(dataPoints);
  return {
    descriptor: { name, description, unit, valueType: ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints,
  };
}

function stamp(points: readonly { endTime: [number, number] }[]): void {
  const time = now();
  for (const point of points) point.endTime = time;
}
