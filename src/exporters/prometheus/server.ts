// The HTTP server that Prometheus scrapes: on loopback unless told otherwise, never in the app's way.
import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, createServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { log } from "../../diagnostics/log.ts";
import { type Authenticator, loadAuth } from "./auth.ts";
import { type Scrape, createScrapeListener, reply, replyBusy } from "./scrape.ts";
import { type Certificates, type TlsFiles, loadTls } from "./tls.ts";

/** On a server that is redtrail's own, so that its requests are neither traced nor counted. */
export const OWN_SERVER: unique symbol = Symbol.for("redtrail.own-server") as never;

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** Whether a port in use is given up for any free one. @default true */
  readonly orAnyPort?: boolean;
  /** Serves HTTPS. @default HTTP */
  readonly tls?: TlsFiles | undefined;
  /** Path of a file of `user:password` lines; /metrics is for them only. @default anybody */
  readonly authFile?: string | undefined;
  /** Makes the exposition. */
  readonly scrape?: Scrape;
  /** Answers GET /metrics itself, in place of `scrape`. */
  readonly handler?: (...args: Parameters<RequestListener>) => void | Promise<void>;
  /** What /-/ready says. @default always ready */
  readonly isReady?: () => boolean;
}

/** Where the metrics are served, if anywhere, and one line for the user if something is not as it was asked for. */
export interface Listening {
  readonly url?: string;
  readonly problem?: string;
}

export interface MetricsServer {
  /** Resolves once the server listens, or cannot; never rejects. */
  readonly ready: Promise<Listening>;
  close(): Promise<void>;
}

/** How one request is answered. */
type Listener = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const PATHS: ReadonlySet<string> = new Set(["/metrics", "/-/healthy", "/-/ready"]);
const RELOAD_TLS_EVERY_MS = 60_000;

export function startMetricsServer(options: MetricsServerOptions): MetricsServer {
  let server: Server;
  let certificates: Certificates | undefined;
  try {
    const authenticate = options.authFile === undefined ? undefined : loadAuth(options.authFile);
    certificates = options.tls === undefined ? undefined : loadTls(options.tls);
    server = createOwnServer(options, authenticate, certificates);
  } catch (error) {
    // Never without the lock that was asked for.
    const reason = error instanceof Error ? error.message : String(error);
    return { ready: Promise.resolve({ problem: `${reason}; metrics are not served` }), close: async () => {} };
  }
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    // Prometheus keeps its connection from one scrape to the next; neither it nor the server may keep the process.
    socket.unref();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const reloading = certificates === undefined ? undefined : reloadCertificates(server, certificates);
  const closed = Promise.withResolvers<Listening>();
  return {
    ready: Promise.race([listen(server, options), closed.promise]),
    close: () =>
      new Promise((resolve) => {
        clearInterval(reloading);
        // Closed while it is still about to listen, a server emits neither 'listening' nor 'error' (Node 24).
        closed.resolve({});
        server.once("listening", () => server.close());
        server.close(() => resolve());
        // Not closeAllConnections: it knows none that is still at its TLS handshake.
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function createOwnServer(
  options: MetricsServerOptions,
  authenticate: Authenticator | undefined,
  certificates: Certificates | undefined,
): Server {
  const serverOptions = { maxHeaderSize: 8192 };
  const listener = guarded((request, response) => answer(request, response));
  // node:https costs milliseconds, which a start without it is spared.
  const server: Server =
    certificates === undefined
      ? createServer(serverOptions, listener)
      : process.getBuiltinModule("node:https").createServer({ ...serverOptions, ...certificates.options }, listener);
  const answer = createRouter(server, options, authenticate);
  Object.assign(server, { [OWN_SERVER]: true, headersTimeout: 10_000, requestTimeout: 10_000, maxConnections: 100 });
  server.keepAliveTimeout = 90_000;
  return server.unref();
}

/** A listener whose failures are a 503 and a line on stderr. */
function guarded(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>): RequestListener {
  return (request, response) => {
    answer(request, response)
      .catch((error: unknown) => {
        const reason = String(error).replaceAll(/\s+/g, " ").slice(0, 500);
        log.warnSometimes("scrape", `a scrape could not be answered (${reason})`);
        if (response.headersSent) response.destroy();
        else reply(response, 503, `no metrics: ${reason}`);
      })
      // Not even telling may work (`throw Object.create(null)`), and a lost rejection would end the app.
      .catch(() => response.destroy());
  };
}

function createRouter(
  server: Server,
  { scrape, handler, isReady }: MetricsServerOptions,
  authenticate: Authenticator | undefined,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const serveMetrics: Listener =
    handler ?? (scrape === undefined ? (_, response) => void response.end() : createScrapeListener(scrape));

  return async (request, response) => {
    if (!isForUs(server, request.headers.host)) {
      const setting = "OTEL_EXPORTER_PROMETHEUS_HOST";
      reply(response, 403, `this Host is not served on a loopback address; set ${setting} to listen on another one`);
      return;
    }
    const path = (request.url ?? "/").split("?", 1)[0] ?? "";
    if (!PATHS.has(path)) {
      reply(response, 404, "not found; metrics are at /metrics");
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    if (path === "/-/healthy") {
      reply(response, 200, "ok");
      return;
    }
    if (path === "/-/ready") {
      const ready = isReady?.() ?? true;
      reply(response, ready ? 200 : 503, ready ? "ok" : "not ready");
      return;
    }
    const verdict = (await authenticate?.(request.headers.authorization)) ?? "granted";
    if (response.destroyed) return;
    if (verdict === "busy") {
      replyBusy(response, "too many unknown credentials at once");
      return;
    }
    if (verdict === "denied") {
      response.setHeader("www-authenticate", 'Basic realm="redtrail"');
      reply(response, 401, "unauthorized");
      return;
    }
    await serveMetrics(request, response);
  };
}

/**
 * A page on the web can make its name resolve to 127.0.0.1, and read what is there as if it were its own; the Host header
 * tells (DNS rebinding). On other addresses any name may be right.
 */
function isForUs(server: Server, host: string | undefined): boolean {
  if (host === undefined || host === "") return true;
  const bound = server.address();
  if (bound === null || typeof bound === "string" || !isLoopback(bound.address)) return true;
  // The names that containers have for the machine that they run on cannot be given to a page on the web.
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|host\.(?:docker|containers)\.internal)(?::\d*)?$/i.test(host);
}

function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\./i.test(address) || address === "::1";
}

function reloadCertificates(server: Server, certificates: Certificates): NodeJS.Timeout {
  const reload = async (): Promise<void> => {
    const changed = await certificates.reload();
    // Connections that are there keep what they began with.
    if (changed !== undefined) (server as HttpsServer).setSecureContext(changed);
  };
  const report = (error: unknown): void =>
    void log.warnSometimes("tls-reload", `TLS certificates cannot be changed (${String(error)})`);
  return setInterval(() => void reload().catch(report), RELOAD_TLS_EVERY_MS).unref();
}

/** A port in use is given up for any free one: two processes of one app on one machine must not need two configurations. */
async function listen(server: Server, options: MetricsServerOptions): Promise<Listening> {
  const { host, port } = options;
  // Node would ask a resolver for it, and might choose ::1.
  const address = host === "localhost" ? "127.0.0.1" : host;
  const setting = `OTEL_EXPORTER_PROMETHEUS_PORT="${port}"`;
  const failure = await tryListen(server, address, port);
  if (failure === undefined) return listening(server, options);
  if (failure.code === "EADDRINUSE" && options.orAnyPort === false) return {};
  if (failure.code !== "EADDRINUSE") {
    const where =
      failure.code === "EACCES" || failure.code === "ERR_SOCKET_BAD_PORT"
        ? setting
        : `OTEL_EXPORTER_PROMETHEUS_HOST="${host}"`;
    return { problem: `${where} cannot be listened on (${failure.code ?? failure.message}); metrics are not served` };
  }
  const second = await tryListen(server, address, 0);
  if (second !== undefined) return { problem: `${setting} is in use on ${address}; metrics are not served` };
  return listening(
    server,
    options,
    (url) => `${setting} is in use on ${address}; the metrics of this process are served at ${url} instead`,
  );
}

function listening(
  server: Server,
  { tls, authFile }: MetricsServerOptions,
  problemOf?: (url: string) => string,
): Listening {
  const { address, port, family } = server.address() as AddressInfo;
  const authority = `${family === "IPv6" ? `[${address}]` : address}:${port}`;
  const url = `${tls === undefined ? "http" : "https"}://${authority}/metrics`;
  const problems: string[] = [];
  if (problemOf !== undefined) problems.push(problemOf(url));
  if (authFile !== undefined && tls === undefined && !isLoopback(address)) {
    problems.push(
      `REDTRAIL_PROMETHEUS_AUTH_FILE="${authFile}" without REDTRAIL_PROMETHEUS_TLS_CERT_FILE: passwords go to ${url} unencrypted`,
    );
  }
  return problems.length === 0 ? { url } : { url, problem: problems.join("; ") };
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
