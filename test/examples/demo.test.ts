import assert from "node:assert/strict";
import test from "node:test";
import { quantile, routeRows } from "../../examples/demo/prometheus-text.ts";
import { type TreeSpan, traceTree } from "../../examples/demo/trace-tree.ts";

const TEXT = `
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="0.1"} 50
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="1"} 90
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="+Inf"} 90
http_server_request_duration_seconds_count{http_request_method="GET",http_route="/a",http_response_status_code="200"} 90
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="500",error_type="500",le="0.1"} 0
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="500",error_type="500",le="1"} 8
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="500",error_type="500",le="+Inf"} 10
http_server_request_duration_seconds_count{http_request_method="GET",http_route="/a",http_response_status_code="500",error_type="500"} 10
http_server_request_duration_seconds_count{http_request_method="GET",http_route="/a",error_type="client_aborted"} 5
http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404"} 1
`;

test("routeRows sums a route's series: errors apart from aborted requests, quantiles over the answered ones", () => {
  const [a, b] = routeRows(TEXT);
  assert.deepEqual([b?.route, b?.count, b?.errors], ["GET /a", 105, 10]);
  assert.equal(b?.aborted, 5);
  assert.equal(b?.p50, 0.1);
  assert.equal(b?.p99, 1);
  assert.equal(a?.route, "GET (no route)");
});

test("quantile is linear within a bucket, as PromQL's histogram_quantile", () => {
  const buckets = [
    { bound: 1, count: 10 },
    { bound: 2, count: 30 },
    { bound: Infinity, count: 40 },
  ];
  assert.equal(quantile(0.25, buckets), 1);
  assert.equal(quantile(0.5, buckets), 1.5);
  assert.equal(quantile(0.99, buckets), 2);
  assert.ok(Number.isNaN(quantile(0.5, [])));
});

test("traceTree draws children below their parents, in the order of time", () => {
  const span = (id: string, parentId: string | undefined, timestamp: number, duration: number): TreeSpan => ({
    id,
    ...(parentId === undefined ? {} : { parentId }),
    name: `get /${id}`,
    kind: "SERVER",
    timestamp,
    duration,
    localEndpoint: { serviceName: "shop" },
    tags: { "http.response.status_code": "200", outcome: "success" },
  });
  const lines = traceTree([
    span("c", "a", 6_000, 3_000),
    span("b", "a", 1_000, 4_000),
    span("a", undefined, 0, 10_000),
    span("d", "b", 2_000, 1_000),
  ]);
  assert.deepEqual(
    lines.map((line) => line.slice(0, 20).trimEnd()),
    ["GET /a server", "├─ GET /b server", "│  └─ GET /d server", "└─ GET /c server"],
  );
  assert.match(lines[2] as string, /\+ {3}2\.0 ms {5}1\.0 ms {8}━━━/);
});
