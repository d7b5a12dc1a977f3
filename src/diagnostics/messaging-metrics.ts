// What redtrail says of what messages had no room for.
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import { sharedMessaging } from "../messaging/shared.ts";
import { selfProducer } from "./self-producer.ts";

export function messagingSelfMetrics(): MetricProducer {
  const { counts } = sharedMessaging;
  return selfProducer(() => [
    {
      name: "redtrail.messaging.headers.dropped",
      description: "Headers that a message had no room for: baggage, and the state of other vendors.",
      unit: "{header}",
      isMonotonic: true,
      points: [[counts.droppedHeaders, {}]],
    },
    {
      name: "redtrail.messaging.bare",
      description:
        "Messages that went without redtrail's headers, because their broker would have refused them with those.",
      unit: "{message}",
      isMonotonic: true,
      points: [[counts.bareMessages, {}]],
    },
    {
      name: "redtrail.messaging.unlinked",
      description: "Messages of batches whose senders are not linked, because a span has 128 links at most.",
      unit: "{message}",
      isMonotonic: true,
      points: [[counts.unlinkedMessages, {}]],
    },
  ]);
}
