// Keeps the app under test on one core and everything else on another, where the machine can.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

function canPin(): boolean {
  if (availableParallelism() < 2) return false;
  return ["0", "1"].every((core) => spawnSync("taskset", ["-c", core, "true"]).status === 0);
}

export const pinned: boolean = canPin();

/** Moves this process, and the children it starts from now on, to core 1. */
export function pinHarness(): void {
  if (pinned) spawnSync("taskset", ["-a", "-p", "-c", "1", String(process.pid)]);
  else console.error("bench: not pinned (needs taskset and two cores): expect more noise");
}

/** The command and arguments that start Node on core 0. */
export function nodeOnAppCore(nodeArguments: readonly string[]): readonly [string, readonly string[]] {
  if (!pinned) return [process.execPath, nodeArguments];
  return ["taskset", ["-c", "0", process.execPath, ...nodeArguments]];
}
