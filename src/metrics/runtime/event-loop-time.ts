// How much of its time the event loop works, from libuv's count of the time that it waits: no sampling.
// https://opentelemetry.io/docs/specs/semconv/runtime/nodejs-metrics/#metric-nodejseventlooputilization
import { performance } from "node:perf_hooks";
import { type Source, addPoint, counter, gauge } from "./source.ts";

interface LoopTime {
  readonly active: number;
  readonly idle: number;
}

/** 0 to 1. Both counts only rise; a loop that has not begun has no utilization. */
export function utilizationSince(mark: LoopTime, now: LoopTime): number {
  const active = now.active - mark.active;
  const total = active + now.idle - mark.idle;
  return total > 0 ? Math.min(1, Math.max(0, active / total)) : 0;
}

export function eventLoopTime(): Source {
  const utilization = gauge({
    name: "nodejs.eventloop.utilization",
    unit: "1",
    description: "Share of the time in which the event loop was active.",
  });
  const time = counter({
    name: "nodejs.eventloop.time",
    unit: "s",
    description: "Time that the event loop has spent in each state.",
  });
  const utilizationPoint = addPoint(utilization);
  const active = addPoint(time, { "nodejs.eventloop.state": "active" });
  const idle = addPoint(time, { "nodejs.eventloop.state": "idle" });
  const beginning: LoopTime = { active: 0, idle: 0 };
  const marks: [LoopTime, LoopTime] = [beginning, beginning];
  return {
    metrics: [utilization, time],
    read({ elder, emptied }) {
      const now = performance.eventLoopUtilization();
      if (emptied !== undefined) marks[emptied] = now;
      utilizationPoint.value = utilizationSince(marks[elder], now);
      active.value = now.active / 1000;
      idle.value = now.idle / 1000;
    },
  };
}
