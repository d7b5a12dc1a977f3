// CPU, memory and age of the process. https://opentelemetry.io/docs/specs/semconv/system/process-metrics/
import { availableParallelism } from "node:os";
import { type Source, addPoint, counter, gauge, upDownCounter } from "./source.ts";

const USER = { "cpu.mode": "user" };
const SYSTEM = { "cpu.mode": "system" };

interface CpuMark {
  /** Microseconds. */
  readonly user: number;
  readonly system: number;
  readonly atMs: number;
}

/** Microseconds of CPU in `elapsedMs`, as a share of what `cpus` could have done. */
export function cpuShare(usedMicros: number, elapsedMs: number, cpus: number): number {
  return elapsedMs > 0 ? Math.max(0, usedMicros / (elapsedMs * 1000 * cpus)) : 0;
}

export function processCpu(): Source {
  const time = counter({ name: "process.cpu.time", unit: "s", description: "CPU time of the process by mode." });
  const utilization = gauge({
    name: "process.cpu.utilization",
    unit: "1",
    description: "CPU time of the process by mode, as a share of the CPUs that it may use.",
  });
  const userTime = addPoint(time, USER);
  const systemTime = addPoint(time, SYSTEM);
  const userShare = addPoint(utilization, USER);
  const systemShare = addPoint(utilization, SYSTEM);
  const beginning: CpuMark = { user: 0, system: 0, atMs: 0 };
  const marks: [CpuMark, CpuMark] = [beginning, beginning];
  let cpus = 0;
  return {
    metrics: [time, utilization],
    read({ nowMs, elder, emptied }) {
      const { user, system } = process.cpuUsage();
      userTime.value = user / 1e6;
      systemTime.value = system / 1e6;
      if (emptied !== undefined) marks[emptied] = { user, system, atMs: nowMs };
      // The affinity of a process may change, seldom; asking takes 13 µs.
      if (cpus === 0 || emptied !== undefined) cpus = availableParallelism();
      const mark = marks[elder];
      const elapsedMs = nowMs - mark.atMs;
      userShare.value = cpuShare(user - mark.user, elapsedMs, cpus);
      systemShare.value = cpuShare(system - mark.system, elapsedMs, cpus);
    },
  };
}

export function processMemory(): Source {
  const usage = upDownCounter({
    name: "process.memory.usage",
    unit: "By",
    description: "Physical memory in use by the process.",
  });
  const rss = addPoint(usage);
  return {
    metrics: [usage],
    read() {
      rss.value = process.memoryUsage.rss();
    },
  };
}

export function processUptime(): Source {
  const uptime = gauge({ name: "process.uptime", unit: "s", description: "Time since the process started." });
  const point = addPoint(uptime);
  return {
    metrics: [uptime],
    read() {
      point.value = process.uptime();
    },
  };
}
