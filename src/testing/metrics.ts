// Metrics as a test wants to read them, and the reader that collects them when it is asked.
import type { Attributes } from "@opentelemetry/api";
import { MetricReader } from "@opentelemetry/sdk-metrics";

export interface TestMetric {
  readonly name: string;
  readonly unit: string;
  /** Of the instrumentation that made it. */
  readonly scope: string;
  readonly points: readonly {
    readonly attributes: Attributes;
    /** Of a histogram: its count and sum. */
    readonly value: number | { readonly count: number; readonly sum: number | undefined };
  }[];
}

export class InMemoryReader extends MetricReader {
  async read(): Promise<TestMetric[]> {
    const { resourceMetrics } = await this.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ scope, metrics }) =>
      metrics.map(({ descriptor: { name, unit }, dataPoints }) => ({
        name,
        unit,
        scope: scope.name,
        points: dataPoints.map(({ attributes, value }) => ({
          attributes,
          value: typeof value === "number" ? value : { count: value.count, sum: value.sum },
        })),
      })),
    );
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
