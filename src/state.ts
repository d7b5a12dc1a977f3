// The one place where a process keeps that redtrail runs, shared by every copy of this package that it may load.
import type { MessagingConfig } from "./config/config.ts";
import type { Telemetry } from "./start.ts";

interface SharedState {
  /** Absent where redtrail has decided not to run. */
  telemetry?: Telemetry;
  messaging?: MessagingConfig;
}

const STATE: unique symbol = Symbol.for("redtrail") as never;
const shared = globalThis as { [STATE]?: SharedState };

/** What an earlier load in this process has left; undefined on the first. */
export function getState(): SharedState | undefined {
  return shared[STATE];
}

export function setState(state: SharedState): void {
  shared[STATE] = state;
}
