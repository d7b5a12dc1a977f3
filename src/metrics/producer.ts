// A MetricProducer of metrics that are ready at any time: what readers of the SDK take beside its own instruments.
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { MetricProducer, ScopeMetrics } from "@opentelemetry/sdk-metrics";

export function producerOf(collect: () => ScopeMetrics[]): MetricProducer {
  const resource = resourceFromAttributes({});
  return { collect: async () => ({ resourceMetrics: { resource, scopeMetrics: collect() }, errors: [] }) };
}
