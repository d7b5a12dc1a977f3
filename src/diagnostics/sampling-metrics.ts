// What redtrail says of the decisions that it takes at the end of requests.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { Tail } from "../sampling/tail.ts";
import { selfProducer } from "./self-producer.ts";

/** Every reason is there from the start, at 0: a rate needs the value before the first. */
export function samplingSelfMetrics(tail: Pick<Tail, "kept" | "leftOut" | "waitingSpans">): MetricProducer {
  return selfProducer(() => [
    {
      name: "redtrail.sampling.kept",
      description: "Traces that were not sampled and are sent all the same, by reason.",
      unit: "{trace}",
      isMonotonic: true,
      points: Object.entries(tail.kept).map(([reason, value]) => [value, { reason }]),
    },
    {
      name: "redtrail.sampling.left_out",
      description: "Spans dropped before it was known whether they are kept, by reason.",
      unit: "{span}",
      isMonotonic: true,
      points: Object.entries(tail.leftOut).map(([reason, value]) => [value, { reason }]),
    },
    {
      name: "redtrail.sampling.waiting",
      description: "Spans that wait for the end of their request.",
      unit: "{span}",
      isMonotonic: false,
      points: [[tail.waitingSpans, {}]],
    },
  ]);
}
