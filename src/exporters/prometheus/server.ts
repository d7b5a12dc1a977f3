// The HTTP server that Prometheus scrapes: on loopback unless told otherwise, never in the app's way.
import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { log } from "../../diagnostics/log.ts";

/** On a server that is redtrail's own, so that its requests are neither traced nor counted. */
export const OWN_SERVER: unique symbol = Symbol.for("redtrail.own-server") as never;

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** Makes the exposition; it has `timeoutMs` for that. */
  readonly scrape?: (timeoutMs: number) => Promise<string>;
  /** Answers GET /metrics itself, in place of `scrape`. */
  readonly handler?: (...args: Parameters<RequestListener>) => void | Promise<void>;
}

/** Where the metrics are served, if anywhere, and one line for the user if that is not where they were asked for. */
export interface Listening {
  readonly url?: string;
  readonly problem?: string;
}

export interface MetricsServer {
  /** Resolves once the server listens, or cannot; never rejects. */
  readonly ready: Promise<Listening>;
  close(): Promise<void>;
}

const PATH = "/metrics";
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const DEFAULT_TIMEOUT_MS = 10_000;
const GZIP_FROM_BYTES = 1024;
const gzipAsync = promisify(gzip);

export function startMetricsServer(options: MetricsServerOptions): MetricsServer {
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    answer(options, request, response)
      .catch((error: unknown) => {
        log.warnSometimes("scrape", `a scrape could not be answered (${String(error)})`);
        if (response.headersSent) response.destroy();
        else
          response
            .writeHead(503, { "content-type": "text/plain; charset=utf-8" })
            .end(`no metrics: ${String(error)}\n`);
      })
      // Not even telling may work (`throw Object.create(null)`), and a lost rejection would end the app.
      .catch(() => response.destroy());
  });
  Object.assign(server, { [OWN_SERVER]: true, headersTimeout: 10_000, requestTimeout: 10_000, maxConnections: 100 });
  // Prometheus keeps its connection from one scrape to the next; neither it nor the server may keep the process.
  server.keepAliveTimeout = 90_000;
  server.unref();
  server.on("connection", (socket) => socket.unref());
  const closed = Promise.withResolvers<Listening>();
  return {
    ready: Promise.race([listen(server, options), closed.promise]),
    close: () =>
      new Promise((resolve) => {
        // Closed while it is still about to listen, a server emits neither 'listening' nor 'error' (Node 24).
        closed.resolve({});
        server.once("listening", () => server.close());
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A port in use is given up for any free one: two processes of one app on one machine must not need two configurations. */
async function listen(server: Server, { host, port }: MetricsServerOptions): Promise<Listening> {
  // Node would ask a resolver for it, and might choose ::1.
  const address = host === "localhost" ? "127.0.0.1" : host;
  const failure = await tryListen(server, address, port);
  if (failure === undefined) return { url: urlOf(server) };
  const setting = `OTEL_EXPORTER_PROMETHEUS_PORT="${port}"`;
  if (failure.code !== "EADDRINUSE") {
    const where =
      failure.code === "EACCES" || failure.code === "ERR_SOCKET_BAD_PORT"
        ? setting
        : `OTEL_EXPORTER_PROMETHEUS_HOST="${host}"`;
    return { problem: `${where} cannot be listened on (${failure.code ?? failure.message}); metrics are not served` };
  }
  const second = await tryListen(server, address, 0);
  if (second !== undefined) return { problem: `${setting} is in use on ${address}; metrics are not served` };
  const url = urlOf(server);
  return {
    url,
    problem: `${setting} is in use on ${address}; the metrics of this process are served at ${url} instead`,
  };
}

function tryListen(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const settle = (error?: NodeJS.ErrnoException): void => {
      server.off("listening", onListening);
      server.off("error", settle);
      resolve(error);
    };
    const onListening = (): void => {
      // From here on an error is not worth more than a line.
      server.on("error", (error) => log.warnSometimes("metrics-server", `the metrics server reports ${String(error)}`));
      settle();
    };
    server.once("listening", onListening);
    server.once("error", settle);
    // `exclusive`: the workers of node:cluster would share the port, and each scrape would meet another one.
    try {
      server.listen({ host, port, exclusive: true });
    } catch (error) {
      settle(error as NodeJS.ErrnoException);
    }
  });
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}${PATH}`;
}

async function answer(
  options: MetricsServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (path === "/-/healthy" || path === "/-/ready") {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end("ok\n");
    return;
  }
  if (path !== PATH) {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end(`not found; metrics are at ${PATH}\n`);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  if (options.handler !== undefined) {
    await options.handler(request, response);
    return;
  }
  const text = (await options.scrape?.(scrapeTimeoutMs(request))) ?? "";
  await send(request, response, Buffer.from(text, "utf8"));
}

async function send(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  response.setHeader("content-type", CONTENT_TYPE);
  response.setHeader("vary", "Accept-Encoding");
  const isGzip = body.length >= GZIP_FROM_BYTES && acceptsGzip(request.headers["accept-encoding"]);
  const sent = isGzip ? await gzipAsync(body, { level: 1 }) : body;
  if (isGzip) response.setHeader("content-encoding", "gzip");
  response.setHeader("content-length", sent.length);
  response.end(request.method === "HEAD" ? undefined : sent);
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  const encodings = String(header ?? "").split(",");
  return encodings.some((one) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(one));
}

/** Prometheus says how long it waits; a tenth of it is left for the way back. */
function scrapeTimeoutMs(request: IncomingMessage): number {
  const seconds = Number(request.headers["x-prometheus-scrape-timeout-seconds"]);
  return seconds > 0 && seconds < 3_600 ? seconds * 900 : DEFAULT_TIMEOUT_MS;
}
