// Serves metrics over HTTP for either engine, and says where.
import type { PrometheusConfig } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import { type MetricsServer, type MetricsServerOptions, startMetricsServer } from "../exporters/prometheus/server.ts";

export interface MetricsEndpoint {
  /** For the start line. */
  readonly address: Promise<string>;
  close(): Promise<void>;
}

export const noMetricsEndpoint: MetricsEndpoint = { address: Promise.resolve("off"), close: async () => {} };

/** A server that is not there before it is wanted: of the processes of a group, one listens. */
export class MetricsListener {
  readonly #options: MetricsServerOptions;
  #server: MetricsServer | undefined;
  #url: string | undefined;

  constructor(
    { host, port, tls, authFile }: PrometheusConfig,
    source: Pick<MetricsServerOptions, "scrape" | "handler">,
  ) {
    this.#options = { host, port, tls, authFile, ...source };
  }

  /** As the start line says it. */
  get address(): string {
    return this.#url === undefined ? "off" : `at ${this.#url}`;
  }

  /** Resolves with whether it listens; what hinders it is one line on stderr, but for a port in use that is not to be another one. */
  async listen(orAnyPort: boolean): Promise<boolean> {
    const server = startMetricsServer({ ...this.#options, orAnyPort });
    this.#server = server;
    const { url, problem } = await server.ready;
    // Workers of PM2 try more than once.
    if (problem !== undefined) log.warnSometimes(problem, problem);
    this.#url = url;
    if (url === undefined) await server.close();
    return url !== undefined;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

/** Listens at once, alone. */
export function serveMetrics(
  config: PrometheusConfig,
  source: Pick<MetricsServerOptions, "scrape" | "handler">,
): MetricsEndpoint {
  const listener = new MetricsListener(config, source);
  return { address: listener.listen(true).then(() => listener.address), close: () => listener.close() };
}
