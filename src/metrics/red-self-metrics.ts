// What RED metrics say of themselves: how full they are, what they gave up, and which requests have not ended.
import { type Attributes, SpanKind } from "@opentelemetry/api";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import { type CounterSeries, now } from "./data.ts";
import { gaugeData, sumData } from "./metric-data.ts";
import type { LiveSpans } from "./live-spans.ts";
import type { SeriesRegistry } from "./series-registry.ts";

export interface RegistryState {
  /** `metric`: the name. The same object each time, so that its text is made once. */
  readonly attributes: Attributes;
  readonly registry: Pick<SeriesRegistry<{ lastSeen: number }>, "all" | "limit" | "overflowed" | "capped" | "evicted">;
}

type Point = Omit<CounterSeries, "lastSeen">;

const startTime = now();
const KIND_ATTRIBUTES: Readonly<Record<SpanKind, Attributes>> = {
  [SpanKind.INTERNAL]: { "span.kind": "SPAN_KIND_INTERNAL" },
  [SpanKind.SERVER]: { "span.kind": "SPAN_KIND_SERVER" },
  [SpanKind.CLIENT]: { "span.kind": "SPAN_KIND_CLIENT" },
  [SpanKind.PRODUCER]: { "span.kind": "SPAN_KIND_PRODUCER" },
  [SpanKind.CONSUMER]: { "span.kind": "SPAN_KIND_CONSUMER" },
};

export function redSelfMetrics(
  registries: readonly RegistryState[],
  ignored: ReadonlyMap<string, number>,
  live: ReturnType<LiveSpans["read"]>,
): MetricData[] {
  const perMetric = (read: (state: RegistryState["registry"]) => number): Point[] =>
    registries.map(({ attributes, registry }) => point(read(registry), attributes));
  const perKind = (read: (one: (typeof live)[number]) => number): Point[] =>
    live.map((one) => point(read(one), KIND_ATTRIBUTES[one.kind]));
  const capped = registries.flatMap(({ attributes, registry }) =>
    Array.from(registry.capped, ([label, count]) => point(count, { ...attributes, label })),
  );
  return [
    gaugeData(
      { name: "redtrail.red.series", description: "Series in use.", unit: "{series}" },
      perMetric(({ all }) => all.length),
    ),
    gaugeData(
      { name: "redtrail.red.series.limit", description: "Series that a metric may have.", unit: "{series}" },
      perMetric(({ limit }) => limit),
    ),
    sumData(
      { name: "redtrail.red.series.evicted", description: "Idle series given up for new ones.", unit: "{series}" },
      true,
      perMetric(({ evicted }) => evicted),
    ),
    sumData(
      {
        name: "redtrail.red.overflowed",
        description: "Recordings counted in the overflow series.",
        unit: "{recording}",
      },
      true,
      perMetric(({ overflowed }) => overflowed),
    ),
    sumData(
      {
        name: "redtrail.red.label.capped",
        description: "Recordings with _other in place of a label's value.",
        unit: "{recording}",
      },
      true,
      capped,
    ),
    sumData(
      { name: "redtrail.red.span.ignored", description: "Spans that are not counted, by reason.", unit: "{span}" },
      true,
      Array.from(ignored, ([reason, count]) => point(count, { reason })),
    ),
    sumData(
      { name: "otel.sdk.span.live", description: "Spans that have begun and not ended.", unit: "{span}" },
      false,
      perKind(({ count }) => count),
    ),
    gaugeData(
      {
        name: "redtrail.span.oldest_live.age",
        description: "Age of the oldest span that has not ended.",
        unit: "s",
      },
      perKind(({ oldestS }) => oldestS),
    ),
  ];
}

function point(value: number, attributes: Attributes): Point {
  return { value, attributes, startTime, endTime: startTime };
}
