// A small Zipkin-compatible collector, so that the demo needs nothing but Node: it takes spans and finds them by request id.
// POST /api/v2/spans, GET /api/v2/trace/{id}, GET /api/v2/traces?annotationQuery=: https://zipkin.io/zipkin-api/
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
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
  /** Where people can look at a trace; only a real Zipkin has it. */
  readonly traceUrl?: (traceId: string) => string;
  /** Spans taken since the demo began. */
  countReceived(): Promise<number>;
  findTrace(requestId: string): Promise<readonly DemoSpan[]>;
  close(): void;
}

/** The oldest spans go beyond it. */
const MAX_SPANS = 50_000;
/** What one POST may unpack to; a larger one is refused, as an unreadable one is. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export async function startCollector(): Promise<SpanStore> {
  const spans: DemoSpan[] = [];
  let received = 0;

  async function takeSpans(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    try {
      const isPacked = request.headers["content-encoding"] === "gzip";
      const text = (isPacked ? gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES }) : body).toString();
      const taken = JSON.parse(text) as DemoSpan[];
      received += taken.length;
      for (const span of taken) spans.push(span);
      spans.splice(0, Math.max(0, spans.length - MAX_SPANS));
      response.writeHead(202).end();
    } catch (error) {
      response.writeHead(400).end(error instanceof Error ? error.message : "unreadable");
    }
  }

  const server = createServer((request, response) => {
    if (request.method === "POST" && request.url === "/api/v2/spans") {
      takeSpans(request, response).catch(() => response.destroy());
      return;
    }
    answerQuery(spans, request.url ?? "/", response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    description: "a collector inside of the demo (`npm run servers` starts a real Zipkin)",
    endpoint: `http://127.0.0.1:${port}/api/v2/spans`,
    countReceived: async () => received,
    findTrace: async (requestId) => findTraces(spans, "http.request.id", requestId)[0] ?? [],
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answerQuery(spans: readonly DemoSpan[], target: string, response: ServerResponse): void {
  const url = new URL(target, "http://127.0.0.1");
  const traceId = /^\/api\/v2\/trace\/(\w+)$/.exec(url.pathname)?.[1];
  const [tag = "", value = ""] = (url.searchParams.get("annotationQuery") ?? "").split("=");
  const trace = spans.filter((span) => span.traceId === traceId);
  if (traceId !== undefined && trace.length > 0) sendJson(response, trace);
  else if (url.pathname === "/api/v2/traces") sendJson(response, findTraces(spans, tag, value));
  else response.writeHead(404).end();
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json").end(JSON.stringify(value));
}

/** The whole traces of which at least one span has the tag. */
function findTraces(spans: readonly DemoSpan[], tag: string, value: string): DemoSpan[][] {
  const traceIds = new Set(spans.filter(({ tags }) => tags?.[tag] === value).map(({ traceId }) => traceId));
  return Array.from(traceIds, (traceId) => spans.filter((span) => span.traceId === traceId));
}
