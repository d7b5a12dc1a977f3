// The servers around the app under test: a Zipkin that counts spans and drops them, and the backend that `/proxy/:id` calls.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface SinkPorts {
  readonly zipkinPort: number;
  readonly backendPort: number;
}

export interface SinkCounts {
  readonly posts: number;
  readonly bytes: number;
  readonly spans: number;
}

/** Each span of Zipkin's JSON v2 names its trace once; counting the key is far cheaper than parsing on the load's core. */
const SPAN_MARK = Buffer.from('"traceId"');

let counts: SinkCounts = { posts: 0, bytes: 0, spans: 0 };

function countSpans(body: Buffer): number {
  let spans = 0;
  for (let at = body.indexOf(SPAN_MARK); at !== -1; at = body.indexOf(SPAN_MARK, at + 1)) spans++;
  return spans;
}

const zipkin = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const sent = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    counts = {
      posts: counts.posts + 1,
      bytes: counts.bytes + sent.length,
      spans: counts.spans + countSpans(body),
    };
    response.writeHead(202, { "content-length": 0 }).end();
  });
});

const backend = createServer((request, response) => {
  const body = JSON.stringify({ item: request.url, price: 12.5, stock: 3 });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
});
backend.keepAliveTimeout = 60_000;

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

process.on("message", (message) => {
  if (message !== "counts") return;
  process.send?.(counts);
  counts = { posts: 0, bytes: 0, spans: 0 };
});
process.on("disconnect", () => process.exit(0));

const ports: SinkPorts = { zipkinPort: await listen(zipkin), backendPort: await listen(backend) };
process.send?.(ports);
