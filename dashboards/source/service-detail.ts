// The processes of a service: their event loops, memory and CPU, and all that they call and are called by.
import { type DashboardSpec, createDashboard } from "./model.ts";
import {
  ABORTED,
  ANSWERED,
  CALL_FAILED,
  SERVER,
  UIDS,
  instance,
  job,
  quantile,
  quantiles,
  rate,
  redPanels,
  series,
  service,
  sumBy,
} from "./selectors.ts";

/** A merged cluster has one instance: its gauges have a series per worker, all else is summed. */
const PROCESS = "instance, worker";
const PROCESS_LEGEND = "{{instance}} {{worker}}";

function perProcess(name: string, ...matchers: readonly string[]): string {
  return `max by (${PROCESS}) (${series(name, ...matchers)})`;
}

const spec: DashboardSpec = {
  uid: UIDS.service,
  title: "redtrail: service detail",
  description: "Runtime and calls of the chosen services, by instance.",
  variables: [job, service, instance],
  rows: [
    {
      title: "Service",
      panels: [
        {
          type: "table",
          title: "Instances",
          description: "What runs: from target_info.",
          unit: "s",
          width: 24,
          height: 6,
          queries: [
            {
              expr:
                'max by (job, instance, service_name, service_version, host_name, process_runtime_version, telemetry_distro_version) (target_info{job=~"$job", service_name=~"$service", instance=~"$instance"}) * on (job, instance) group_left () max by (job, instance) (' +
                `${series("process_uptime_seconds")})`,
              legend: "uptime",
            },
          ],
        },
        {
          title: "Requests per second by status",
          description: "Requests that were answered, by status code.",
          unit: "reqps",
          stacked: true,
          queries: [
            {
              expr: sumBy("http_response_status_code", rate(`${SERVER}_count`, ANSWERED)),
              legend: "{{http_response_status_code}}",
            },
            { expr: sumBy("error_type", rate(`${SERVER}_count`, ABORTED)), legend: "{{error_type}}" },
          ],
        },
        {
          title: "Duration p50, p95, p99",
          description: "Of requests that were answered. Points are exemplars: each leads to its trace in Zipkin.",
          unit: "s",
          queries: quantiles(sumBy("le", rate(`${SERVER}_bucket`, ANSWERED)), "", true),
        },
        {
          title: "Active requests",
          description: "Requests that are being answered now, by instance.",
          unit: "short",
          queries: [
            {
              expr: sumBy("instance, http_request_method", series("http_server_active_requests")),
              legend: "{{instance}} {{http_request_method}}",
            },
          ],
        },
      ],
    },
    {
      title: "Node.js",
      panels: [
        {
          title: "Event loop delay",
          description: "How late the loop was in the last 30 to 60 s: what every request waits on top of its own work.",
          unit: "s",
          thresholds: [0.05, 0.1],
          queries: [
            { expr: perProcess("nodejs_eventloop_delay_p50_seconds"), legend: `${PROCESS_LEGEND} p50` },
            { expr: perProcess("nodejs_eventloop_delay_p90_seconds"), legend: `${PROCESS_LEGEND} p90` },
            { expr: perProcess("nodejs_eventloop_delay_p99_seconds"), legend: `${PROCESS_LEGEND} p99` },
            { expr: perProcess("nodejs_eventloop_delay_max_seconds"), legend: `${PROCESS_LEGEND} max` },
          ],
        },
        {
          title: "Event loop utilization",
          description:
            "Share of the time in which the loop worked. Near 1 the process can take no more, whatever its CPU says.",
          unit: "percentunit",
          max: 1,
          thresholds: [0.7, 0.9],
          queries: [{ expr: perProcess("nodejs_eventloop_utilization_ratio"), legend: PROCESS_LEGEND }],
        },
        {
          title: "Event loop time",
          description:
            "Seconds per second that the loops were active and idle, from counters: nothing between scrapes is missed.",
          unit: "percentunit",
          queries: [
            {
              expr: sumBy("instance, nodejs_eventloop_state", rate("nodejs_eventloop_time_seconds_total")),
              legend: "{{instance}} {{nodejs_eventloop_state}}",
            },
          ],
        },
        {
          title: "Garbage collection",
          description: "Share of the time that was spent in collections, by type.",
          unit: "percentunit",
          queries: [
            {
              expr: sumBy("instance, v8js_gc_type", rate("v8js_gc_duration_seconds_sum")),
              legend: "{{instance}} {{v8js_gc_type}}",
            },
          ],
        },
        {
          title: "Collections per second",
          description: "How often V8 collected, by type.",
          unit: "ops",
          queries: [
            {
              expr: sumBy("instance, v8js_gc_type", rate("v8js_gc_duration_seconds_count")),
              legend: "{{instance}} {{v8js_gc_type}}",
            },
          ],
        },
        {
          title: "Longest collections (p99)",
          description: "From buckets of 10 ms, 100 ms, 1 s and 10 s: an order of magnitude.",
          unit: "s",
          queries: [
            {
              expr: quantile(0.99, sumBy("v8js_gc_type, le", rate("v8js_gc_duration_seconds_bucket"))),
              legend: "{{v8js_gc_type}}",
            },
          ],
        },
        {
          title: "Heap",
          description: "V8's heap: what is in use, and what it has set aside. Of a cluster, all processes together.",
          unit: "bytes",
          queries: [
            { expr: sumBy("instance", series("v8js_memory_heap_used_bytes")), legend: "{{instance}} used" },
            { expr: sumBy("instance", series("v8js_memory_heap_space_size_bytes")), legend: "{{instance}} set aside" },
          ],
        },
        {
          title: "Heap in use by space",
          description: "Growth of old_space without end is a leak.",
          unit: "bytes",
          stacked: true,
          queries: [
            {
              expr: sumBy("v8js_heap_space_name", series("v8js_memory_heap_used_bytes")),
              legend: "{{v8js_heap_space_name}}",
            },
          ],
        },
        {
          title: "Memory",
          description: "Physical memory of the process; of a cluster, of all processes together.",
          unit: "bytes",
          queries: [{ expr: sumBy("instance", series("process_memory_usage_bytes")), legend: "{{instance}}" }],
        },
        {
          title: "CPU",
          description: "CPU seconds per second, by mode: 1 is one core.",
          unit: "short",
          stacked: true,
          queries: [
            {
              expr: sumBy("instance, cpu_mode", rate("process_cpu_time_seconds_total")),
              legend: "{{instance}} {{cpu_mode}}",
            },
          ],
        },
        {
          title: "Handles",
          description: "What keeps the event loop alive, by type: sockets, servers, timers.",
          unit: "short",
          stacked: true,
          queries: [
            { expr: sumBy("v8js_resource_type", series("v8js_resource_active")), legend: "{{v8js_resource_type}}" },
          ],
        },
        {
          title: "Files and threads",
          description: "Open file descriptors and threads (Linux); of a cluster, of all processes together.",
          unit: "short",
          queries: [
            { expr: sumBy("instance", series("process_unix_file_descriptor_count")), legend: "{{instance}} files" },
            { expr: sumBy("instance", series("process_thread_count")), legend: "{{instance}} threads" },
          ],
        },
      ],
    },
    {
      title: "HTTP calls",
      panels: [
        ...redPanels({
          what: "HTTP calls",
          metric: "http_client_request_duration_seconds",
          labels: ["http_request_method", "server_address", "server_port"],
          failed: CALL_FAILED,
          timed: ['error_type!="cancelled"'],
        }),
        {
          title: "HTTP calls: answers",
          description: "Calls per second by the status code of the answer; without one, by what went wrong.",
          unit: "reqps",
          width: 24,
          queries: [
            {
              expr: sumBy(
                "server_address, http_response_status_code, error_type",
                rate("http_client_request_duration_seconds_count"),
              ),
              legend: "{{server_address}} {{http_response_status_code}} {{error_type}}",
            },
          ],
        },
      ],
    },
    {
      title: "Databases",
      panels: [
        ...redPanels({
          what: "database operations",
          metric: "db_client_operation_duration_seconds",
          labels: ["db_system_name", "db_operation_name", "db_collection_name"],
        }),
        {
          title: "database operations: errors",
          description: "Failed operations per second by the server's own code.",
          unit: "ops",
          width: 24,
          queries: [
            {
              expr: sumBy(
                "db_system_name, db_namespace, server_address, db_response_status_code, error_type",
                rate("db_client_operation_duration_seconds_count", 'error_type!=""'),
              ),
              legend:
                "{{db_system_name}} {{db_namespace}} {{server_address}} {{db_response_status_code}} {{error_type}}",
            },
          ],
        },
      ],
    },
    {
      title: "Messaging",
      panels: [
        ...redPanels({
          what: "messages sent and received",
          metric: "messaging_client_operation_duration_seconds",
          labels: ["messaging_system", "messaging_operation_name", "messaging_destination_name"],
        }),
        ...redPanels({
          what: "messages processed",
          metric: "messaging_process_duration_seconds",
          labels: ["messaging_destination_name", "messaging_consumer_group_name"],
        }),
        {
          title: "Time in queue",
          description: "From sending to processing, where the broker or the sender tells when a message was sent.",
          unit: "s",
          width: 24,
          queries: quantiles(
            sumBy(
              "messaging_destination_name, messaging_consumer_group_name, le",
              rate("redtrail_messaging_queue_time_seconds_bucket"),
            ),
            "{{messaging_destination_name}} {{messaging_consumer_group_name}}",
          ),
        },
      ],
    },
    {
      title: "RPC",
      panels: [
        ...redPanels({
          what: "calls served",
          metric: "rpc_server_call_duration_seconds",
          labels: ["rpc_system_name", "rpc_method"],
        }),
        ...redPanels({
          what: "calls made",
          metric: "rpc_client_call_duration_seconds",
          labels: ["rpc_system_name", "rpc_method", "server_address"],
        }),
        {
          title: "RPC by status",
          description: "Calls per second by status code, served and made.",
          unit: "reqps",
          width: 24,
          queries: [
            {
              expr: sumBy("rpc_response_status_code", rate("rpc_server_call_duration_seconds_count")),
              legend: "served {{rpc_response_status_code}}",
            },
            {
              expr: sumBy("rpc_response_status_code", rate("rpc_client_call_duration_seconds_count")),
              legend: "made {{rpc_response_status_code}}",
            },
          ],
        },
      ],
    },
    {
      title: "Spans",
      collapsed: true,
      panels: [
        {
          title: "Spans by name",
          description: "The twenty busiest, of all kinds.",
          unit: "ops",
          width: 12,
          queries: [
            {
              expr: `topk(20, ${sumBy("span_kind, span_name", rate("traces_span_metrics_calls_total"))})`,
              legend: "{{span_kind}} {{span_name}}",
            },
          ],
        },
        {
          title: "Duration of spans, p95",
          description: "The twenty slowest, of all kinds.",
          unit: "s",
          width: 12,
          queries: [
            {
              expr: `topk(20, ${quantile(0.95, sumBy("span_kind, span_name, le", rate("traces_span_metrics_duration_seconds_bucket")))})`,
              legend: "{{span_kind}} {{span_name}}",
              exemplar: true,
            },
          ],
        },
      ],
    },
  ],
};

export const serviceDetail: object = createDashboard(spec);
