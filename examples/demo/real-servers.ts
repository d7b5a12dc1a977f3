// The real Zipkin and Prometheus of `npm run servers`, if they are up.
import type { DemoSpan, SpanStore } from "./collector.ts";

const ZIPKIN = "http://127.0.0.1:9411";
const PROMETHEUS = "http://127.0.0.1:9090";

export async function findZipkin(): Promise<SpanStore | undefined> {
  if (!(await isUp(`${ZIPKIN}/health`))) return undefined;
  const before = await countSpans();
  return {
    description: `the real Zipkin at ${ZIPKIN}`,
    endpoint: `${ZIPKIN}/api/v2/spans`,
    traceUrl: (traceId) => `${ZIPKIN}/zipkin/traces/${traceId}`,
    countReceived: async () => (await countSpans()) - before,
    findTrace: async (requestId) => {
      const query = encodeURIComponent(`http.request.id=${requestId}`);
      const response = await fetch(`${ZIPKIN}/api/v2/traces?annotationQuery=${query}&limit=1`);
      return ((await response.json()) as DemoSpan[][])[0] ?? [];
    },
    close: () => {},
  };
}

export async function findPrometheus(): Promise<string | undefined> {
  return (await isUp(`${PROMETHEUS}/-/ready`)) ? PROMETHEUS : undefined;
}

async function isUp(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(500) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Zipkin's own count of the spans that came by HTTP, from whomever. */
async function countSpans(): Promise<number> {
  const response = await fetch(`${ZIPKIN}/metrics`);
  const metrics = (await response.json()) as Readonly<Record<string, number>>;
  return metrics["counter.zipkin_collector.spans.http"] ?? 0;
}
