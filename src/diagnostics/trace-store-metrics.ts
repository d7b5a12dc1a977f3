// What redtrail says of its shared storage: what was asked and written, with what result, and whether the store is away.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { SharedTraces } from "../trace-store/shared-traces.ts";
import { selfProducer } from "./self-producer.ts";

/** Every result is there from the start, at 0: a rate needs the value before the first. */
export function traceStoreSelfMetrics({ store, found }: Pick<SharedTraces, "store" | "found">): MetricProducer {
  return selfProducer(() => {
    const { reads, writes, inFlight, isAway } = store.stats;
    const points = (operation: string, results: Readonly<Record<string, number>>) =>
      Object.entries(results).map(
        ([result, value]) =>
          [value, { "redtrail.trace_store.operation": operation, "redtrail.trace_store.result": result }] as const,
      );
    return [
      {
        name: "redtrail.trace_store.operations",
        description: "Traces that were looked for and written in shared storage, by result.",
        unit: "{operation}",
        isMonotonic: true,
        points: [...points("read", reads), ...points("write", writes)],
      },
      {
        name: "redtrail.trace_store.found",
        description: "Traces found in shared storage that a span continued (parent) or links to (link).",
        unit: "{trace}",
        isMonotonic: true,
        points: Object.entries(found).map(([relation, value]) => [
          value,
          { "redtrail.trace_store.relation": relation },
        ]),
      },
      {
        name: "redtrail.trace_store.in_flight",
        description: "Commands that shared storage has not answered.",
        unit: "{operation}",
        isMonotonic: false,
        points: [[inFlight, {}]],
      },
      {
        name: "redtrail.trace_store.away",
        description: "1 while shared storage is away and nothing is sent to it, else 0.",
        unit: "{store}",
        isMonotonic: false,
        points: [[isAway ? 1 : 0, {}]],
      },
    ];
  });
}
