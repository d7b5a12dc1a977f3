// What redtrail says of its own redaction: how many values were changed, and by which rule.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { Redactor } from "../redaction/redactor.ts";
import { selfProducer } from "./self-producer.ts";

/** Every rule is there from the start, at 0: a rate needs the value before the first. */
export function redactionSelfMetrics({ counts }: Pick<Redactor, "counts">): MetricProducer {
  return selfProducer(() => [
    {
      name: "redtrail.redacted",
      description: "Values that secrets were taken out of, in spans and in the request log.",
      unit: "{value}",
      isMonotonic: true,
      points: Object.entries(counts).map(([rule, value]) => [value, { "redtrail.redaction.rule": rule }]),
    },
  ]);
}
