// What all dashboards choose series by, and the sums that several of them show.
import type { PanelSpec, Query, Variable } from "./model.ts";

export const UIDS = {
  overview: "redtrail-overview",
  route: "redtrail-route",
  service: "redtrail-service",
  telemetry: "redtrail-telemetry",
} as const;

/** What is chosen at the top of the dashboard. */
export const CHOSEN = 'job=~"$job", instance=~"$instance"';
/** A request that broke off says nothing about how fast it would have been answered. */
export const ANSWERED = 'error_type!~"client_aborted|incomplete_response"';
export const ABORTED = 'error_type=~"client_aborted|incomplete_response"';
export const SERVER_ERROR = 'http_response_status_code=~"5.."';
/** Outgoing calls that failed by the other side: no answer, or 5xx. A 4xx is the caller's, and giving up is on purpose. */
export const CALL_FAILED = 'error_type!~"|4..|cancelled"';
export const FAILED = 'error_type!=""';

export const SERVER = "http_server_request_duration_seconds";

/** `target_info` has a series per instance; max drops what else is in it, so that a join never meets two. */
const SERVICE_OF =
  'on (job, instance) group_left (service_name) max by (job, instance, service_name) (target_info{job=~"$job", service_name=~"$service"})';

export const job: Variable = {
  name: "job",
  label: "Job",
  description: "Prometheus' name of the scrape.",
  query: "label_values(target_info, job)",
};
export const service: Variable = {
  name: "service",
  label: "Service",
  description: "service.name, as target_info has it.",
  query: 'label_values(target_info{job=~"$job"}, service_name)',
};
export const instance: Variable = {
  name: "instance",
  label: "Instance",
  description: "Processes of the chosen services.",
  query: 'label_values(target_info{job=~"$job", service_name=~"$service"}, instance)',
};
export const route: Variable = {
  name: "route",
  label: "Route",
  description: "Routes of the chosen services; All has requests that matched no route, too.",
  query: `label_values(${SERVER}_count{${CHOSEN}}, http_route)`,
  allValue: ".*",
};

/** `name{the chosen, matchers}`. */
export function series(name: string, ...matchers: readonly string[]): string {
  return `${name}{${[CHOSEN, ...matchers].join(", ")}}`;
}

export function rate(name: string, ...matchers: readonly string[]): string {
  return `rate(${series(name, ...matchers)}[$__rate_interval])`;
}

/** Over all of the time that is shown: for tables and bars. */
export function meanRate(name: string, ...matchers: readonly string[]): string {
  return `rate(${series(name, ...matchers)}[$__range])`;
}

export function sumBy(labels: string, expr: string): string {
  return labels === "" ? `sum (${expr})` : `sum by (${labels}) (${expr})`;
}

/** Summed per service_name, which only target_info carries. */
export function sumByService(expr: string, ...further: readonly string[]): string {
  return sumBy(["service_name", ...further].join(", "), `${expr} * ${SERVICE_OF}`);
}

/** 0 where there is traffic without any of it, and nothing where there is no traffic. */
export function ratio(part: string, whole: string): string {
  return `(${part} or 0 * ${whole}) / (${whole} > 0)`;
}

export function quantile(q: number, sums: string): string {
  return `histogram_quantile(${q}, ${sums})`;
}

/** p50, p95 and p99 of a sum by `le`. */
export function quantiles(sums: string, legend: string, exemplar = false): Query[] {
  return [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, sums),
    legend: `${legend} p${q * 100}`.trim(),
    exemplar: exemplar && q === 0.99,
  }));
}

/** Rate, failures and p95 of a family: the three panels that a kind of call has. */
export function redPanels({
  what,
  metric,
  labels,
  failed = FAILED,
  timed = [],
}: {
  readonly what: string;
  /** Without its suffix. */
  readonly metric: string;
  readonly labels: readonly string[];
  readonly failed?: string;
  /** Further matchers of what is in the duration. */
  readonly timed?: readonly string[];
}): PanelSpec[] {
  const by = labels.join(", ");
  const legend = labels.map((label) => `{{${label}}}`).join(" ");
  const total = sumBy(by, rate(`${metric}_count`));
  return [
    {
      title: `${what}: rate`,
      description: `${what} per second, failed ones among them.`,
      unit: "reqps",
      queries: [{ expr: total, legend }],
    },
    {
      title: `${what}: failed`,
      description: `Share of ${what} with an error_type${failed === CALL_FAILED ? " that is neither a 4xx nor a cancellation by the calling code" : ""}.`,
      unit: "percentunit",
      queries: [{ expr: ratio(sumBy(by, rate(`${metric}_count`, failed)), total), legend }],
    },
    {
      title: `${what}: p95`,
      description: `Time that 95 of 100 ${what} took at most.`,
      unit: "s",
      queries: [
        { expr: quantile(0.95, sumBy(`${by}, le`, rate(`${metric}_bucket`, ...timed))), legend, exemplar: true },
      ],
    },
  ];
}
