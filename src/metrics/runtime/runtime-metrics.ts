// Metrics of Node.js, V8 and the process, by the semantic conventions (v1.45), read when somebody collects.
// https://opentelemetry.io/docs/specs/semconv/runtime/ and https://opentelemetry.io/docs/specs/semconv/system/process-metrics/
import { isMainThread } from "node:worker_threads";
import type { HrTime } from "@opentelemetry/api";
import type { MetricData, MetricProducer, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../../diagnostics/log.ts";
import { VERSION } from "../../version.ts";
import { now } from "../data.ts";
import { producerOf } from "../producer.ts";
import { activeResources } from "./active-resources.ts";
import { eventLoopDelay } from "./event-loop-delay.ts";
import { eventLoopTime } from "./event-loop-time.ts";
import { garbageCollections } from "./gc.ts";
import { heapSpaces } from "./heap.ts";
import { openFiles, threads } from "./proc-files.ts";
import { processCpu, processMemory, processUptime } from "./process.ts";
import { type Rotation, turn } from "./rotation.ts";
import type { Reading, Source } from "./source.ts";

export interface RuntimeMetricsOptions {
  /**
   * Delay, utilization and CPU utilization cover the last one to two of these. At least the interval of the slowest of several
   * collectors; a lone one sees everything at any interval.
   * @default 30000
   */
  readonly windowMs?: number;
}

export interface RuntimeMetrics {
  readonly producer: MetricProducer;
  /** The data points are live: read them before the next collection. */
  collectSync(): ScopeMetrics;
  /** Ends sampling for good; there is nothing to collect after it. */
  stop(): void;
}

/** By the name that the message has when it fails. */
const SOURCES: Readonly<Record<string, () => Source>> = {
  "nodejs.eventloop.delay": eventLoopDelay,
  "nodejs.eventloop.time": eventLoopTime,
  "v8js.gc": garbageCollections,
  "v8js.memory": heapSpaces,
  "v8js.resource": activeResources,
  "process.cpu": processCpu,
  "process.memory": processMemory,
  "process.uptime": processUptime,
  ...(process.platform === "linux" ? { "process.unix.file_descriptor": openFiles, "process.thread": threads } : {}),
};

export function createRuntimeMetrics({ windowMs = 30_000 }: RuntimeMetricsOptions = {}): RuntimeMetrics {
  /** Undefined until the start. */
  let sources: ReadonlyMap<string, Source> | undefined;
  const rotation: Rotation = { elder: 0, turnedAtMs: performance.now() };

  function start(): ReadonlyMap<string, Source> {
    const begun = new Map<string, Source>();
    for (const [name, create] of Object.entries(SOURCES)) {
      // The main thread tells of the process, for all of its threads.
      if (!isMainThread && name.startsWith("process.")) continue;
      guard(name, () => {
        const source = create();
        source.start?.();
        begun.set(name, source);
      });
    }
    return begun;
  }

  // All of it, 1.5 ms, waits until the app's main script has run; a process that ends with that does without.
  const starting = setImmediate(() => {
    sources ??= start();
  }).unref();

  function collectSync(): ScopeMetrics {
    sources ??= start();
    const nowMs = performance.now();
    const emptied = turn(rotation, nowMs, windowMs);
    const reading: Reading = { nowMs, elder: rotation.elder, emptied };
    const time = now();
    const metrics: MetricData[] = [];
    for (const [name, source] of sources) {
      guard(name, () => {
        source.read?.(reading);
        for (const metric of source.metrics) if (stamp(metric, time)) metrics.push(metric);
      });
    }
    return { scope: { name: "redtrail/runtime", version: VERSION }, metrics };
  }

  return {
    producer: producerOf(() => [collectSync()]),
    collectSync,
    stop() {
      clearImmediate(starting);
      for (const [name, source] of sources ?? []) guard(name, () => source.stop?.());
      sources = new Map();
    },
  };
}

/** A source that fails costs its own metrics only. */
function guard(name: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    log.warnSometimes(
      `runtime ${name}`,
      `runtime metrics "${name}" cannot be read (${String(error)}); they are left out`,
    );
  }
}

/** False when there is nothing to say. */
function stamp({ dataPoints }: MetricData, time: HrTime): boolean {
  for (const point of dataPoints as { endTime: HrTime }[]) point.endTime = time;
  return dataPoints.length > 0;
}
