// One route, or several: who is answered how, how fast, and how much of the error budget is being used.
import { type DashboardSpec, createDashboard } from "./model.ts";
import {
  ABORTED,
  ANSWERED,
  CHOSEN,
  SERVER,
  SERVER_ERROR,
  UIDS,
  instance,
  job,
  quantiles,
  rate,
  ratio,
  route,
  service,
  sumBy,
} from "./selectors.ts";

const ROUTE = 'http_route=~"$route"';
const ANSWERED_BUCKETS = rate(`${SERVER}_bucket`, ROUTE, ANSWERED);
/** The base name is the native histogram's. */
const NATIVE = rate(SERVER, ROUTE, ANSWERED);
const WINDOWS = ["5m", "1h", "6h", "3d"];

const total = sumBy("http_request_method, http_route", rate(`${SERVER}_count`, ROUTE));

/** 1: the budget lasts exactly as long as the objective's period; 14.4: 2 % of a 30-day budget in an hour. */
function errorBurn(window: string): string {
  const requests = `sum (rate(${SERVER}_count{${CHOSEN}, ${ROUTE}}[${window}]))`;
  const errors = `sum (rate(${SERVER}_count{${CHOSEN}, ${ROUTE}, ${SERVER_ERROR}}[${window}]))`;
  return `(${ratio(errors, requests)}) / (1 - $objective / 100)`;
}

/** The same of the objective that 99 of 100 requests are answered within 0.25 s. */
function latencyBurn(window: string): string {
  const fast = `sum (rate(${SERVER}_bucket{${CHOSEN}, ${ROUTE}, ${ANSWERED}, le="0.25"}[${window}]))`;
  const answered = `sum (rate(${SERVER}_count{${CHOSEN}, ${ROUTE}, ${ANSWERED}}[${window}]))`;
  return `(1 - ${fast} / (${answered} > 0)) / 0.01`;
}

const spec: DashboardSpec = {
  uid: UIDS.route,
  title: "redtrail: route detail",
  description: "Rate, errors and duration of the chosen routes.",
  variables: [
    job,
    service,
    instance,
    route,
    {
      name: "objective",
      label: "Objective (%)",
      description: "Share of requests that are to be answered without a 5xx; for the burn rate.",
      choices: ["99.9", "99", "99.5", "99.95", "99.99"],
    },
    {
      name: "trace",
      label: "Trace id",
      description: "A trace to show in the last row: an exemplar's trace_id.",
    },
  ],
  rows: [
    {
      title: "Rate and errors",
      panels: [
        {
          title: "Requests per second by status",
          description: "Requests that were answered, by status code.",
          unit: "reqps",
          stacked: true,
          queries: [
            {
              expr: sumBy("http_response_status_code", rate(`${SERVER}_count`, ROUTE, 'http_response_status_code!=""')),
              legend: "{{http_response_status_code}}",
            },
          ],
        },
        {
          title: "Aborted requests per second",
          description:
            "client_aborted: the client went away before the response was complete. incomplete_response: the response was cut. They have no status code and are in no duration.",
          unit: "reqps",
          queries: [{ expr: sumBy("error_type", rate(`${SERVER}_count`, ROUTE, ABORTED)), legend: "{{error_type}}" }],
        },
        {
          title: "Error ratio",
          description: "Share of requests that were answered with 5xx.",
          unit: "percentunit",
          thresholds: [0.01, 0.05],
          queries: [
            {
              expr: ratio(
                sumBy("http_request_method, http_route", rate(`${SERVER}_count`, ROUTE, SERVER_ERROR)),
                total,
              ),
              legend: "{{http_request_method}} {{http_route}}",
            },
          ],
        },
        {
          title: "Errors by type",
          description: "5xx per second by error_type: the status code, or the class of what was thrown.",
          unit: "reqps",
          queries: [
            {
              expr: sumBy("http_route, error_type", rate(`${SERVER}_count`, ROUTE, SERVER_ERROR)),
              legend: "{{http_route}} {{error_type}}",
            },
          ],
        },
        {
          title: "Requests per second by route",
          description: "All requests that ended.",
          unit: "reqps",
          queries: [{ expr: total, legend: "{{http_request_method}} {{http_route}}" }],
        },
        {
          title: "Requests per second by protocol",
          description: "HTTP version and scheme.",
          unit: "reqps",
          queries: [
            {
              expr: sumBy("network_protocol_version, url_scheme", rate(`${SERVER}_count`, ROUTE)),
              legend: "{{url_scheme}} {{network_protocol_version}}",
            },
          ],
        },
      ],
    },
    {
      title: "Duration of answered requests",
      panels: [
        {
          title: "p50, p95, p99",
          description:
            "Of all chosen routes together. Points are exemplars: each leads to its trace in Zipkin (Prometheus keeps them with --enable-feature=exemplar-storage).",
          unit: "s",
          width: 12,
          height: 9,
          queries: quantiles(sumBy("le", ANSWERED_BUCKETS), "", true),
        },
        {
          type: "heatmap",
          title: "Heatmap",
          description:
            "Requests per bucket of the classic histogram. Points are exemplars. The native histogram, with finer buckets, is in the row below.",
          unit: "s",
          width: 12,
          height: 9,
          queries: [
            {
              expr: sumBy("le", `increase(${SERVER}_bucket{${CHOSEN}, ${ROUTE}, ${ANSWERED}}[$__rate_interval])`),
              exemplar: true,
            },
          ],
        },
        {
          title: "p95 by route",
          description: "Time within which 95 of 100 answered requests were answered.",
          unit: "s",
          width: 12,
          queries: [
            {
              expr: `histogram_quantile(0.95, ${sumBy("http_request_method, http_route, le", ANSWERED_BUCKETS)})`,
              legend: "{{http_request_method}} {{http_route}}",
              exemplar: true,
            },
          ],
        },
        {
          title: "Mean",
          description: "Sum of the durations over their number: it does not depend on buckets.",
          unit: "s",
          width: 12,
          queries: [
            {
              expr: `${sumBy("http_request_method, http_route", rate(`${SERVER}_sum`, ROUTE, ANSWERED))} / (${sumBy("http_request_method, http_route", rate(`${SERVER}_count`, ROUTE, ANSWERED))} > 0)`,
              legend: "{{http_request_method}} {{http_route}}",
            },
          ],
        },
      ],
    },
    {
      title: "Native histograms (where Prometheus scrapes them)",
      collapsed: true,
      panels: [
        {
          title: "p50, p95, p99 (native)",
          description:
            "From the native histogram: its buckets are 9 % wide, whatever the duration. Empty where Prometheus does not scrape native histograms.",
          unit: "s",
          width: 12,
          height: 9,
          queries: quantiles(`sum (${NATIVE})`, "", true),
        },
        {
          type: "heatmap",
          title: "Heatmap (native)",
          description: "The native histogram's own buckets.",
          unit: "s",
          width: 12,
          height: 9,
          queries: [
            {
              expr: `sum (increase(${SERVER}{${CHOSEN}, ${ROUTE}, ${ANSWERED}}[$__rate_interval]))`,
              exemplar: true,
            },
          ],
        },
      ],
    },
    {
      title: "Error budget",
      panels: [
        {
          title: "Burn rate of the availability objective",
          description:
            "How many times faster than allowed the error budget is used up. The alerts of red.rules.yml page above 14.4 (1h and 5m) and above 6 (6h and 30m).",
          unit: "short",
          width: 12,
          thresholds: [1, 14.4],
          queries: WINDOWS.map((window) => ({ expr: errorBurn(window), legend: window })),
        },
        {
          title: "Burn rate of the latency objective",
          description: "The same, of 99 % of answered requests within 0.25 s.",
          unit: "short",
          width: 12,
          thresholds: [1, 14.4],
          queries: WINDOWS.map((window) => ({ expr: latencyBurn(window), legend: window })),
        },
      ],
    },
    {
      title: "One trace",
      collapsed: true,
      panels: [
        {
          type: "traces",
          title: "Trace in Zipkin",
          description: "The trace whose id is entered above. Data source: Zipkin, uid zipkin.",
          query: "$trace",
        },
      ],
    },
  ],
};

export const routeDetail: object = createDashboard(spec);
