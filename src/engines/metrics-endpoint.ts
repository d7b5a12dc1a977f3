// Serves metrics over HTTP for either engine, and says where.
import type { PrometheusConfig } from "../config/config.ts";
import { log } from "../diagnostics/log.ts";
import { type MetricsServerOptions, startMetricsServer } from "../exporters/prometheus/server.ts";

export interface MetricsEndpoint {
  /** For the start line. */
  readonly address: Promise<string>;
  close(): Promise<void>;
}

export const noMetricsEndpoint: MetricsEndpoint = { address: Promise.resolve("off"), close: async () => {} };

export function serveMetrics(
  { host, port, tls, authFile }: Pick<PrometheusConfig, "host" | "port" | "tls" | "authFile">,
  source: Pick<MetricsServerOptions, "scrape" | "handler">,
): MetricsEndpoint {
  const server = startMetricsServer({ host, port, tls, authFile, ...source });
  return {
    address: server.ready.then(({ url, problem }) => {
      if (problem !== undefined) log.warn(problem);
      return url === undefined ? "off" : `at ${url}`;
    }),
    close: () => server.close(),
  };
}
