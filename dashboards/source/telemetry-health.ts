// Whether the telemetry itself can be trusted: what was lost, what was counted together, and what a scrape costs.
import { type DashboardSpec, createDashboard } from "./model.ts";
import { UIDS, instance, job, rate, ratio, series, service, sumBy } from "./selectors.ts";

const EXPORTED = "otel_sdk_exporter_span_exported_total";
const LOGGED = "otel_sdk_exporter_log_exported_total";

const spec: DashboardSpec = {
  uid: UIDS.telemetry,
  title: "redtrail: telemetry health",
  description: "redtrail's own metrics: delivery of spans, limits of series, scrapes.",
  variables: [job, service, instance],
  rows: [
    {
      title: "At a glance",
      panels: [
        {
          type: "stat",
          title: "Targets up",
          description: "Share of the targets that Prometheus reached at its last scrape.",
          unit: "percentunit",
          width: 6,
          height: 5,
          max: 1,
          queries: [{ expr: `avg (${series("up")})`, legend: "up" }],
        },
        {
          type: "stat",
          title: "Spans lost",
          description: "Share of spans that were not delivered, whatever the reason.",
          unit: "percentunit",
          width: 6,
          height: 5,
          thresholds: [0.0001, 0.01],
          queries: [
            {
              expr: ratio(sumBy("", rate(EXPORTED, 'error_type!=""')), sumBy("", rate(EXPORTED))),
              legend: "lost",
            },
          ],
        },
        {
          type: "stat",
          title: "Fullest metric",
          description: "Series in use over the limit, of the metric that is nearest to its own.",
          unit: "percentunit",
          width: 6,
          height: 5,
          thresholds: [0.7, 0.9],
          queries: [
            {
              expr: `max (${series("redtrail_red_series")} / ${series("redtrail_red_series_limit")})`,
              legend: "in use",
            },
          ],
        },
        {
          type: "stat",
          title: "Oldest live request",
          description: "Age of the request that has not ended for longest. Event streams count, too.",
          unit: "s",
          width: 6,
          height: 5,
          thresholds: [60, 300],
          queries: [
            {
              expr: `max (${series("redtrail_span_oldest_live_age_seconds", 'span_kind="SPAN_KIND_SERVER"')})`,
              legend: "oldest",
            },
          ],
        },
      ],
    },
    {
      title: "Delivery of spans",
      panels: [
        {
          title: "Spans delivered",
          description: "Spans per second that Zipkin took. Spans that are not sampled are in neither line.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, otel_component_type", rate(EXPORTED, 'error_type=""')),
              legend: "{{instance}} {{otel_component_type}}",
            },
          ],
        },
        {
          title: "Spans lost, by reason",
          description:
            "queue_full: Zipkin was away or too slow for longer than the queue lasts. Others are its answers.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, error_type", rate(EXPORTED, 'error_type!=""')),
              legend: "{{instance}} {{error_type}}",
            },
          ],
        },
        {
          title: "Queue",
          description:
            "Spans that wait, over what may wait (OTEL_BSP_MAX_QUEUE_SIZE). At 100 % the oldest are dropped.",
          unit: "percentunit",
          max: 1,
          thresholds: [0.5, 0.8],
          queries: [
            {
              expr: `${sumBy("instance, otel_component_name", series("otel_sdk_processor_span_queue_size"))} / ${sumBy("instance, otel_component_name", series("otel_sdk_processor_span_queue_capacity"))}`,
              legend: "{{instance}} {{otel_component_name}}",
            },
          ],
        },
      ],
    },
    {
      title: "Delivery of the request log",
      panels: [
        {
          title: "Records delivered",
          description: "Records per second that Elasticsearch took: one of each request, sampled or not.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, otel_component_type", rate(LOGGED, 'error_type=""')),
              legend: "{{instance}} {{otel_component_type}}",
            },
          ],
        },
        {
          title: "Records lost, by reason",
          description: "rejected: Elasticsearch refused the document; it is in the dead letter file, if there is one.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, error_type", rate(LOGGED, 'error_type!=""')),
              legend: "{{instance}} {{error_type}}",
            },
          ],
        },
        {
          title: "Waiting in memory",
          description:
            "Bytes of spans and records that wait to be delivered (REDTRAIL_QUEUE_BYTES for each of the two).",
          unit: "bytes",
          queries: [
            {
              expr: sumBy("instance, otel_component_type", series("redtrail_delivery_queue_bytes")),
              legend: "{{instance}} {{otel_component_type}}",
            },
          ],
        },
      ],
    },
    {
      title: "Limits of series",
      panels: [
        {
          title: "Series in use",
          description:
            "Of the limit of each metric (REDTRAIL_RED_SERIES_LIMIT). At 100 % new ones are counted together.",
          unit: "percentunit",
          max: 1,
          thresholds: [0.7, 0.9],
          queries: [
            {
              expr: `max by (instance, metric) (${series("redtrail_red_series")} / ${series("redtrail_red_series_limit")})`,
              legend: "{{instance}} {{metric}}",
            },
          ],
        },
        {
          title: "Recordings in overflow series",
          description:
            'Counted as otel_metric_overflow="true": totals stay right, but the labels of these are gone. By metric.',
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, metric", rate("redtrail_red_overflowed_total")),
              legend: "{{instance}} {{metric}}",
            },
          ],
        },
        {
          title: "Share of overflow",
          description: "Of all spans that were counted, those without a name of their own.",
          unit: "percentunit",
          queries: [
            {
              expr: ratio(
                sumBy("instance", rate("traces_span_metrics_calls_total", 'otel_metric_overflow="true"')),
                sumBy("instance", rate("traces_span_metrics_calls_total")),
              ),
              legend: "{{instance}}",
            },
          ],
        },
        {
          title: "Capped labels",
          description:
            "Recordings with _other in place of a label's value, because the label has too many (REDTRAIL_RED_LABEL_LIMITS).",
          unit: "ops",
          queries: [
            {
              expr: sumBy("metric, label", rate("redtrail_red_label_capped_total")),
              legend: "{{metric}} {{label}}",
            },
          ],
        },
        {
          title: "Evicted series",
          description: "Idle series that gave way to new ones. Their counters begin again at 0 if they come back.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, metric", rate("redtrail_red_series_evicted_total")),
              legend: "{{instance}} {{metric}}",
            },
          ],
        },
        {
          title: "Spans that were not counted",
          description: "excluded: by REDTRAIL_RED_EXCLUDE. negative_queue_time: clocks of two hosts disagree.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, reason", rate("redtrail_red_span_ignored_total")),
              legend: "{{instance}} {{reason}}",
            },
          ],
        },
      ],
    },
    {
      title: "Scrapes",
      panels: [
        {
          title: "Time of a scrape",
          description: "In the service, without sending it. While it is made, no request is served.",
          unit: "s",
          thresholds: [0.05, 0.5],
          queries: [
            {
              expr: `max by (instance, format) (${series("redtrail_scrape_duration_seconds")})`,
              legend: "{{instance}} {{format}}",
            },
          ],
        },
        {
          title: "Size of a scrape",
          description: "Before compression, by format.",
          unit: "bytes",
          queries: [
            {
              expr: `max by (instance, format) (${series("redtrail_scrape_size_bytes")})`,
              legend: "{{instance}} {{format}}",
            },
          ],
        },
        {
          title: "Scrapes per second",
          description: "By format: two lines of one instance are two Prometheus servers, or a test by hand.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, format", rate("redtrail_scrape_count_total")),
              legend: "{{instance}} {{format}}",
            },
          ],
        },
        {
          title: "Time of a scrape, as Prometheus sees it",
          description: "With the network. Far above the one at the left, it is the network or a busy event loop.",
          unit: "s",
          width: 12,
          queries: [{ expr: `max by (instance) (${series("scrape_duration_seconds")})`, legend: "{{instance}}" }],
        },
        {
          title: "Samples of a scrape",
          description: "What Prometheus stored of the last scrape.",
          unit: "short",
          width: 12,
          queries: [{ expr: `max by (instance) (${series("scrape_samples_scraped")})`, legend: "{{instance}}" }],
        },
      ],
    },
    {
      title: "Live spans",
      panels: [
        {
          title: "Oldest live span",
          description: "A request that hangs is in no duration until it ends: it shows here.",
          unit: "s",
          width: 12,
          thresholds: [60, 300],
          queries: [
            {
              expr: `max by (instance, span_kind) (${series("redtrail_span_oldest_live_age_seconds")})`,
              legend: "{{instance}} {{span_kind}}",
            },
          ],
        },
        {
          title: "Live spans",
          description: "Spans that have begun and not ended.",
          unit: "short",
          width: 12,
          queries: [
            { expr: sumBy("instance, span_kind", series("otel_sdk_span_live")), legend: "{{instance}} {{span_kind}}" },
          ],
        },
      ],
    },
  ],
};

export const telemetryHealth: object = createDashboard(spec);
