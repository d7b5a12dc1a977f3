// How late the event loop is, from Node's own sampler, which stays in C++ and does not keep the process alive.
// https://opentelemetry.io/docs/specs/semconv/runtime/nodejs-metrics/
import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { type NumberPoint, type Source, addPoint, gauge } from "./source.ts";

/**
 * The sampler wakes the process this often. On an idle process (Node 24, 2 vCPU VM): 10 ms cost 100 wake-ups and 2.1-2.6 ms of
 * CPU per second, 20 ms 50 and 1.4-1.8 ms, 50 ms 20 and 0.7-1.0 ms; a second histogram adds none, as both fire in one wake-up.
 * A timer in JavaScript, which could fill buckets of our own, cost 4.7 ms at 20 ms. `samplePerIteration` wakes nobody, but
 * takes waiting for delay (an idle loop shows seconds), and Node 22.15 lacks it.
 */
const RESOLUTION_MS = 20;
const RESOLUTION_NS = RESOLUTION_MS * 1e6;

type Read = (histogram: ELDHistogram) => number;

/** Mean and standard deviation walk the whole histogram, 0.04 and 0.3 ms; the others take 2 µs together. */
const STATISTICS = {
  min: ["Shortest delay of the event loop.", (histogram) => lateness(histogram.min)],
  max: ["Longest delay of the event loop.", (histogram) => lateness(histogram.max)],
  mean: ["Mean delay of the event loop.", (histogram) => lateness(histogram.mean)],
  stddev: ["Standard deviation of the event loop's delay.", (histogram) => histogram.stddev / 1e9],
  p50: ["50th percentile of the event loop's delay.", (histogram) => lateness(histogram.percentile(50))],
  p90: ["90th percentile of the event loop's delay.", (histogram) => lateness(histogram.percentile(90))],
  p99: ["99th percentile of the event loop's delay.", (histogram) => lateness(histogram.percentile(99))],
} satisfies Record<string, readonly [string, Read]>;

/**
 * The sampler records the time between two of its ticks, so an idle loop would show the resolution as its delay. It is taken off:
 * what is left is how late a tick was, comparable at any resolution. A block shows as at most RESOLUTION_MS less than it was.
 */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds - RESOLUTION_NS) / 1e9;
}

export function eventLoopDelay(): Source {
  const statistics = Object.entries(STATISTICS).map(([key, [description, read]]) => ({
    metric: gauge({ name: `nodejs.eventloop.delay.${key}`, unit: "s", description }),
    read,
    point: undefined as NumberPoint | undefined,
  }));
  let windows: readonly [ELDHistogram, ELDHistogram] | undefined;
  return {
    metrics: statistics.map(({ metric }) => metric),
    start() {
      windows = [
        monitorEventLoopDelay({ resolution: RESOLUTION_MS }),
        monitorEventLoopDelay({ resolution: RESOLUTION_MS }),
      ];
      for (const histogram of windows) histogram.enable();
    },
    read({ elder, emptied }) {
      if (windows === undefined) return;
      if (emptied !== undefined) windows[emptied].reset();
      const histogram = windows[elder];
      if (histogram.count === 0) return;
      for (const statistic of statistics) {
        statistic.point ??= addPoint(statistic.metric);
        statistic.point.value = statistic.read(histogram);
      }
    },
    stop() {
      for (const histogram of windows ?? []) histogram.disable();
    },
  };
}
