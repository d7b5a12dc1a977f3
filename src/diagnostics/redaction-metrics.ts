// What redtrail says of its own redaction: how many values were changed, and by which rule.
import { ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { now } from "../metrics/data.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { VERSION } from "../version.ts";

/** Every rule is there from the start, at 0: a rate needs the value before the first. */
export function redactionSelfMetrics({ counts }: Pick<Redactor, "counts">): MetricProducer {
  const startTime = now();
  const resource = resourceFromAttributes({});

  function metric(): MetricData {
    const endTime = now();
    return {
      descriptor: {
        name: "redtrail.redacted",
        description: "Values that secrets were taken out of, in spans and in the request log.",
        unit: "{value}",
        valueType: ValueType.INT,
      },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.SUM,
      isMonotonic: true,
      dataPoints: Object.entries(counts).map(([rule, value]) => ({
        startTime,
        endTime,
        value,
        attributes: { "redtrail.redaction.rule": rule },
      })),
    };
  }

  return {
    collect: async () => {
      const scopeMetrics = [{ scope: { name: "redtrail/self", version: VERSION }, metrics: [metric()] }];
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}
