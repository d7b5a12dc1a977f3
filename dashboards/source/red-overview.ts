// All services at one glance: rate, errors, duration of what they serve, and of what they call.
import { type DashboardSpec, type DrillDown, createDashboard } from "./model.ts";
import {
  ABORTED,
  ANSWERED,
  CALL_FAILED,
  SERVER,
  SERVER_ERROR,
  UIDS,
  instance,
  job,
  meanRate,
  quantile,
  quantiles,
  rate,
  ratio,
  redPanels,
  route,
  series,
  service,
  sumBy,
  sumByService,
} from "./selectors.ts";

const ROUTE = 'http_route=~"$route"';
const BY_ROUTE = "http_request_method, http_route";
const ROUTE_LEGEND = "{{http_request_method}} {{http_route}}";

const toRoute: DrillDown = { title: "This route", uid: UIDS.route, variable: "route", label: "http_route" };
const toService: DrillDown = { title: "This service", uid: UIDS.service, variable: "service", label: "service_name" };

const requests = sumByService(rate(`${SERVER}_count`, ROUTE));
const routeRequests = sumBy(BY_ROUTE, meanRate(`${SERVER}_count`, ROUTE));
const routeErrors = sumBy(BY_ROUTE, meanRate(`${SERVER}_count`, ROUTE, SERVER_ERROR));
const routeP95 = quantile(0.95, sumBy(`${BY_ROUTE}, le`, meanRate(`${SERVER}_bucket`, ROUTE, ANSWERED)));
const routeAborted = sumBy(BY_ROUTE, meanRate(`${SERVER}_count`, ROUTE, ABORTED));

/** Buckets are cumulative, so half of the sum of both is satisfied plus half of the tolerating. 5xx are frustrated. */
function apdex(): string {
  const within = (le: string): string =>
    sumByService(rate(`${SERVER}_bucket`, ROUTE, 'http_response_status_code=~"[1-4].."', ANSWERED, le));
  // Prometheus 3 writes 1 as 1.0.
  return `(${within('le="0.25"')} + ${within('le=~"1|1[.]0"')}) / 2 / (${sumByService(rate(`${SERVER}_count`, ROUTE, ANSWERED))} > 0)`;
}

const spec: DashboardSpec = {
  uid: UIDS.overview,
  title: "redtrail: RED overview",
  description: "Rate, errors and duration of all services.",
  variables: [job, service, instance, route],
  rows: [
    {
      title: "Requests",
      panels: [
        {
          title: "Requests per second",
          description: "Requests that ended, per service: errors and aborted ones among them.",
          unit: "reqps",
          queries: [{ expr: requests, legend: "{{service_name}}" }],
          drillDown: toService,
        },
        {
          title: "Error ratio",
          description: "Share of requests that were answered with 5xx. A 4xx is the caller's error, and not counted.",
          unit: "percentunit",
          thresholds: [0.01, 0.05],
          queries: [
            {
              expr: ratio(sumByService(rate(`${SERVER}_count`, ROUTE, SERVER_ERROR)), requests),
              legend: "{{service_name}}",
            },
          ],
          drillDown: toService,
        },
        {
          title: "Aborted requests",
          description:
            "Requests that broke off: the client went away, or the response was cut. They have no status code, are no errors, and are in no duration; many of them mean that callers lose their patience.",
          unit: "percentunit",
          thresholds: [0.05, 0.1],
          queries: [
            {
              expr: `${sumByService(rate(`${SERVER}_count`, ROUTE, ABORTED), "error_type")} / ignoring (error_type) group_left () (${requests} > 0)`,
              legend: "{{service_name}} {{error_type}}",
            },
          ],
        },
        {
          title: "Duration p50, p95, p99",
          description: "Of requests that were answered. Points are exemplars: each leads to its trace in Zipkin.",
          unit: "s",
          width: 16,
          queries: quantiles(sumByService(rate(`${SERVER}_bucket`, ROUTE, ANSWERED), "le"), "{{service_name}}", true),
          drillDown: toService,
        },
        {
          title: "Apdex (0.25 s)",
          description:
            "1: all requests were answered within 0.25 s. Half as good: within 1 s. Nothing: later, or with 5xx. Both bounds are among the default buckets; for other objectives set REDTRAIL_RED_SLO and change le.",
          unit: "short",
          max: 1,
          queries: [{ expr: apdex(), legend: "{{service_name}}" }],
        },
        {
          title: "Active requests",
          description: "Requests that are being answered now.",
          unit: "short",
          queries: [{ expr: sumByService(series("http_server_active_requests")), legend: "{{service_name}}" }],
        },
        {
          title: "Calls by kind of span",
          description:
            "All spans that count, by kind: also event streams and what is neither HTTP, database, messaging nor RPC.",
          unit: "reqps",
          queries: [
            {
              expr: sumBy("service_name, span_kind", rate("traces_span_metrics_calls_total")),
              legend: "{{service_name}} {{span_kind}}",
            },
          ],
        },
        {
          title: "Failed calls by kind of span",
          description: "Share of spans whose status is an error, by kind.",
          unit: "percentunit",
          queries: [
            {
              expr: ratio(
                sumBy(
                  "service_name, span_kind",
                  rate("traces_span_metrics_calls_total", 'status_code="STATUS_CODE_ERROR"'),
                ),
                sumBy("service_name, span_kind", rate("traces_span_metrics_calls_total")),
              ),
              legend: "{{service_name}} {{span_kind}}",
            },
          ],
        },
      ],
    },
    {
      title: "Routes (over the time shown)",
      panels: [
        {
          type: "bargauge",
          title: "Busiest routes",
          description: "The ten routes with the most requests per second.",
          unit: "reqps",
          queries: [{ expr: `topk(10, ${routeRequests})`, legend: ROUTE_LEGEND }],
          drillDown: toRoute,
        },
        {
          type: "bargauge",
          title: "Routes with most errors",
          description: "The ten routes with the most 5xx per second.",
          unit: "reqps",
          queries: [{ expr: `topk(10, ${routeErrors} > 0)`, legend: ROUTE_LEGEND }],
          drillDown: toRoute,
        },
        {
          type: "bargauge",
          title: "Slowest routes",
          description: "The ten routes with the highest p95.",
          unit: "s",
          queries: [{ expr: `topk(10, ${routeP95})`, legend: ROUTE_LEGEND }],
          drillDown: toRoute,
        },
        {
          type: "table",
          title: "All routes",
          description:
            "A row without a route has the requests that matched none; _other has those beyond the label's limit.",
          unit: "short",
          width: 24,
          height: 10,
          columnUnits: { rate: "reqps", errors: "percentunit", aborted: "percentunit", p95: "s" },
          queries: [
            { expr: routeRequests, legend: "rate" },
            { expr: ratio(routeErrors, routeRequests), legend: "errors" },
            { expr: ratio(routeAborted, routeRequests), legend: "aborted" },
            { expr: routeP95, legend: "p95" },
          ],
          drillDown: toRoute,
        },
      ],
    },
    {
      title: "What the services call",
      panels: [
        ...redPanels({
          what: "HTTP calls",
          metric: "http_client_request_duration_seconds",
          labels: ["server_address"],
          failed: CALL_FAILED,
          timed: ['error_type!="cancelled"'],
        }),
        ...redPanels({
          what: "database operations",
          metric: "db_client_operation_duration_seconds",
          labels: ["db_system_name", "db_namespace"],
        }),
        ...redPanels({
          what: "messages sent and received",
          metric: "messaging_client_operation_duration_seconds",
          labels: ["messaging_system", "messaging_operation_type", "messaging_destination_name"],
        }),
        ...redPanels({
          what: "messages processed",
          metric: "messaging_process_duration_seconds",
          labels: ["messaging_system", "messaging_destination_name"],
        }),
      ],
    },
  ],
};

export const redOverview: object = createDashboard(spec);
