// What a leader says of its group: how many members it has, and what it could not add up.
import type { Attributes } from "@opentelemetry/api";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { now } from "../metrics/data.ts";
import { gaugeData, sumData } from "../metrics/metric-data.ts";
import { VERSION } from "../version.ts";
import type { LossReason } from "./merged-metrics.ts";

const startTime = now();

export function leaderSelfMetrics(members: number, lost: ReadonlyMap<LossReason, number>): ScopeMetrics {
  const metrics = [
    gaugeData(
      {
        name: "redtrail.cluster.members",
        description: "Other processes whose metrics are in this sum.",
        unit: "{member}",
      },
      [point(members, {})],
    ),
  ];
  if (lost.size > 0) {
    metrics.push(
      sumData(
        { name: "redtrail.cluster.lost", description: "What could not be added up, by reason.", unit: "{item}" },
        true,
        Array.from(lost, ([reason, count]) => point(count, { reason })),
      ),
    );
  }
  return { scope: { name: "redtrail/cluster", version: VERSION }, metrics };
}

function point(value: number, attributes: Attributes): Parameters<typeof sumData>[2][number] {
  return { value, attributes, startTime, endTime: startTime };
}
