// A small Zipkin-compatible collector, so that the demo needs nothing but Node: it takes spans and finds them by request id.
import { once } from "node:events";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import type { TreeSpan } from "./trace-tree.ts";

export interface DemoSpan extends TreeSpan {
  readonly traceId: string;
}

/** Where the demo's spans are: this process's own collector, or a real Zipkin. */
export interface SpanStore {
  readonly description: string;
  /** For OTEL_EXPORTER_ZIPKIN_ENDPOINT. */
  readonly endpoint: string;
  findTrace(requestId: string): Promise<readonly DemoSpan[]>;
  close(): void;
}

/** The oldest goes beyond it. */
const MAX_SPANS = 50_000;

export async function startCollector(): Promise<SpanStore> {
  const spans: DemoSpan[] = [];
  const server: Server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
      spans.push(...(JSON.parse(text) as DemoSpan[]));
      spans.splice(0, Math.max(0, spans.length - MAX_SPANS));
      response.writeHead(202).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    description: "a collector inside of the demo (`npm run servers` starts a real Zipkin)",
    endpoint: `http://127.0.0.1:${port}/api/v2/spans`,
    findTrace: async (requestId) => {
      const traceId = spans.find(({ tags }) => tags["http.request.id"] === requestId)?.traceId;
      return spans.filter((span) => span.traceId === traceId);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const ZIPKIN = "http://127.0.0.1:9411";

/** The real one, if it is up. */
export async function findZipkin(): Promise<SpanStore | undefined> {
  const isUp = await fetch(`${ZIPKIN}/health`, { signal: AbortSignal.timeout(500) }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isUp) return undefined;
  return {
    description: `Zipkin at ${ZIPKIN}`,
    endpoint: `${ZIPKIN}/api/v2/spans`,
    findTrace: async (requestId) => {
      const query = encodeURIComponent(`http.request.id=${requestId}`);
      const traces = (await (
        await fetch(`${ZIPKIN}/api/v2/traces?annotationQuery=${query}&limit=1`)
      ).json()) as DemoSpan[][];
      return traces[0] ?? [];
    },
    close: () => {},
  };
}
