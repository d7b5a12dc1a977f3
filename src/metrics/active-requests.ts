// How many HTTP requests are being answered right now.
// https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserveractive_requests
import { SpanKind } from "@opentelemetry/api";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ATTR } from "../semconv.ts";
import { type CounterSeries, createCounterSeries } from "./data.ts";
import { type LabelValue, cleanMethod } from "./labels.ts";
import { sumData } from "./metric-data.ts";
import { SeriesRegistry } from "./series-registry.ts";

export const ACTIVE_REQUESTS = "http.server.active_requests";

/** Where a span keeps the series that it counts in: the same at its end, whatever its attributes are then. */
const COUNTED_IN: unique symbol = Symbol("redtrail.counted-in");

type Counted = Pick<ReadableSpan, "kind" | "attributes" | "startTime"> & { [COUNTED_IN]?: CounterSeries };

export class ActiveRequests {
  readonly registry: SeriesRegistry<CounterSeries> = new SeriesRegistry({
    identity: [
      { key: ATTR.requestMethod, clean: cleanMethod },
      { key: ATTR.urlScheme, limit: 8 },
    ],
    outcome: [],
    limit: 100,
    idleAfterS: 0,
    create: createCounterSeries,
  });
  /** By method: the series that was found last. Only cleaned methods are in it, so it is small. */
  readonly #last = new Map<LabelValue, { readonly scheme: LabelValue; readonly series: CounterSeries }>();

  start(span: Counted): void {
    if (span.kind !== SpanKind.SERVER) return;
    const { attributes } = span;
    const method = (attributes["http.request.method"] ?? attributes["http.method"]) as LabelValue;
    if (method === undefined) return;
    const scheme = (attributes["url.scheme"] ?? attributes["http.scheme"]) as LabelValue;
    const series = this.#seriesOf(method, scheme, span.startTime[0]);
    series.value++;
    span[COUNTED_IN] = series;
  }

  end(span: Counted): void {
    const series = span[COUNTED_IN];
    if (series !== undefined) series.value--;
  }

  /** The same as before most of the time. */
  #seriesOf(method: LabelValue, scheme: LabelValue, nowS: number): CounterSeries {
    const last = this.#last.get(method);
    if (last !== undefined && last.scheme === scheme) return last.series;
    const values = [method, scheme];
    const series = this.registry.get(values, nowS);
    if (this.registry.has(values)) this.#last.set(method, { scheme, series });
    return series;
  }

  collect(): MetricData {
    const description = "Number of active HTTP server requests.";
    return sumData({ name: ACTIVE_REQUESTS, description, unit: "{request}" }, false, this.registry.all);
  }
}
