// Rate, errors and quantiles per route, from scraped Prometheus text: the same sums that PromQL would make.

export interface RouteRow {
  readonly route: string;
  readonly count: number;
  readonly errors: number;
  readonly aborted: number;
  /** Seconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface Bucket {
  readonly bound: number;
  count: number;
}

interface Sums {
  count: number;
  errors: number;
  aborted: number;
  readonly buckets: Map<number, Bucket>;
}

const FAMILY = "http_server_request_duration_seconds";

/**
 * Rows in the order of the routes' names. An error is a 5xx or a series with an `error_type`; aborted requests are counted apart, and
 * are not part of the quantiles.
 */
export function routeRows(text: string): RouteRow[] {
  const routes = new Map<string, Sums>();
  for (const line of text.split("\n")) {
    if (!line.startsWith(FAMILY)) continue;
    const labels = parseLabels(line);
    const value = Number(line.slice(line.lastIndexOf(" ") + 1));
    const route = `${labels["http_request_method"]} ${labels["http_route"] ?? "(no route)"}`;
    const sums = routes.get(route) ?? { count: 0, errors: 0, aborted: 0, buckets: new Map() };
    routes.set(route, sums);
    const isAborted = labels["error_type"] === "client_aborted";
    if (line.startsWith(`${FAMILY}_count`)) {
      sums.count += value;
      if (isAborted) sums.aborted += value;
      else if (labels["error_type"] !== undefined || labels["http_response_status_code"]?.startsWith("5"))
        sums.errors += value;
    } else if (line.startsWith(`${FAMILY}_bucket`) && !isAborted) {
      addBucket(sums, labels["le"] === "+Inf" ? Infinity : Number(labels["le"]), value);
    }
  }
  return Array.from(routes, ([route, { count, errors, aborted, buckets }]) => {
    const sorted = [...buckets.values()].toSorted((a, b) => a.bound - b.bound);
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(q, sorted)) as [number, number, number];
    return { route, count, errors, aborted, p50, p95, p99 };
  }).toSorted((a, b) => (a.route < b.route ? -1 : 1));
}

function addBucket({ buckets }: Sums, bound: number, count: number): void {
  const bucket = buckets.get(bound) ?? { bound, count: 0 };
  bucket.count += count;
  buckets.set(bound, bucket);
}

function parseLabels(line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, key, value] of line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key as string] = value as string;
  return labels;
}

/** As PromQL's histogram_quantile: linear within a bucket, the highest finite bound above it. NaN without observations. */
export function quantile(q: number, buckets: readonly Bucket[]): number {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return Number.NaN;
  const rank = q * total;
  const index = buckets.findIndex(({ count }) => count >= rank);
  const { bound, count } = buckets[index] as Bucket;
  const before = buckets[index - 1] ?? { bound: 0, count: 0 };
  if (bound === Infinity) return before.bound;
  return before.bound + (bound - before.bound) * ((rank - before.count) / (count - before.count));
}
