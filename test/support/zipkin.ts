// A collector for tests: takes what Zipkin's POST /api/v2/spans takes, and lets a test wait for spans.
import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";
  readonly name: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly remoteEndpoint?: Record<string, unknown>;
  readonly tags: Record<string, string>;
}

export interface TestZipkin {
  readonly endpoint: string;
  readonly spans: ZipkinSpan[];
  /** Resolves with all spans once `isEnough` is content with them; rejects after `timeoutMs`. */
  waitFor(isEnough: (spans: readonly ZipkinSpan[]) => boolean, timeoutMs?: number): Promise<readonly ZipkinSpan[]>;
  close(): Promise<void>;
}

export async function startZipkin(): Promise<TestZipkin> {
  const spans: ZipkinSpan[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      spans.push(...(JSON.parse(body) as ZipkinSpan[]));
      response.writeHead(202).end();
      for (const watch of watchers) watch();
    });
  });
  server.listen(0, "127.0.0.1");
  // A test that fails before it closes this must not hang.
  server.unref();
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2/spans`,
    spans,
    waitFor: (isEnough, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          watchers.delete(watch);
          reject(
            new Error(`not the spans that were waited for: ${JSON.stringify(spans, undefined, 1).slice(0, 4000)}`),
          );
        }, timeoutMs);
        const watch = (): void => {
          if (!isEnough(spans)) return;
          clearTimeout(timer);
          watchers.delete(watch);
          resolve(spans);
        };
        watchers.add(watch);
        watch();
      }),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
}
