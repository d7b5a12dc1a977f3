import assert from "node:assert/strict";
import test from "node:test";
import { quantile, routeRows } from "../../../examples/demo/prometheus-text.ts";

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
http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="503"} 2
`;

test("routeRows sums a route's series: errors apart from aborted requests, quantiles over the answered ones", () => {
  const [a, b] = routeRows(TEXT);
  assert.deepEqual([b?.route, b?.count, b?.errors], ["GET /a", 105, 10]);
  assert.equal(b?.aborted, 5);
  assert.equal(b?.p50, 0.1);
  assert.equal(b?.p99, 1);
  assert.equal(a?.route, "GET (no route)");
  assert.deepEqual([a?.count, a?.errors], [3, 2], "a 5xx is an error without an error_type too, a 404 is none");
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
