// The Prometheus endpoint of the native engine: redtrail's own exposition, alone or for a group of processes.
import type { MetricProducer, MetricReader } from "@opentelemetry/sdk-metrics";
import { type MetricsGroup, joinMetricsGroup } from "../cluster/group.ts";
import { createExposition } from "../exporters/prometheus/exposition.ts";
import type { Body, Format } from "../exporters/prometheus/format.ts";
import { PullReader } from "../exporters/prometheus/reader.ts";
import { ScrapeMetrics } from "../exporters/prometheus/scrape-metrics.ts";
import { producerOf } from "../metrics/producer.ts";
import type { Parts } from "./engine.ts";
import { type MetricsEndpoint, MetricsListener, serveMetrics } from "./metrics-endpoint.ts";

export interface PrometheusParts {
  readonly reader: MetricReader;
  readonly endpoint: MetricsEndpoint;
  /** Absent where each process serves its own. */
  readonly group: MetricsGroup | undefined;
}

export function startPrometheus(
  { config, red, resource, serviceName }: Parts,
  metricProducers: readonly MetricProducer[],
): PrometheusParts {
  const scrapes = new ScrapeMetrics();
  const reader = new PullReader({ metricProducers: [...metricProducers, producerOf(() => [scrapes.collect()])] });
  const expose = createExposition(config.prometheus);
  let group: MetricsGroup | undefined;
  const scrape = async (format: Format, timeoutMs: number): Promise<Body> => {
    const began = performance.now();
    const collected = await (group?.collect(timeoutMs) ?? reader.collectShared(timeoutMs));
    const body = await expose(collected, format);
    scrapes.add(format.syntax, (performance.now() - began) / 1000, body.byteLength);
    return body;
  };
  if (!config.mergeCluster) return { reader, endpoint: serveMetrics(config.prometheus, { scrape }), group };

  const listener = new MetricsListener(config.prometheus, { scrape });
  group = joinMetricsGroup({
    source: {
      collect: async (includeSdk, timeoutMs) =>
        includeSdk
          ? reader.collectShared(timeoutMs)
          : { resource, scopeMetrics: await reader.collectProducers(timeoutMs) },
      collectSync: () => red?.collect() ?? [],
    },
    port: config.prometheus.port,
    app: serviceName,
    threads: config.workerThreads,
    listen: (orAnyPort) => listener.listen(orAnyPort),
  });
  const joined = group;
  const endpoint = {
    address: joined.role.then((role) => (role.kind === "member" ? role.address : listener.address)),
    // The group first: it hands over what it has merged.
    close: async () => {
      await joined.close();
      await listener.close();
    },
  };
  return { reader, endpoint, group };
}
