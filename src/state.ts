// The one place where a process keeps that redtrail runs, shared by every copy of this package that it may load.
import type { MessagingConfig } from "./config/config.ts";
import type { Telemetry } from "./start.ts";
import type { SharedTraces } from "./trace-store/shared-traces.ts";

interface SharedState {
  /** Absent where redtrail has decided not to run. */
  telemetry?: Telemetry;
  messaging?: MessagingConfig;
  /** In lower case: the names that request ids go by. */
  requestIdHeaders?: readonly string[];
}

const STATE: unique symbol = Symbol.for("redtrail") as never;
/** By itself: with redtrail/node-sdk it is the app that runs, and not redtrail. */
const SHARED_TRACES: unique symbol = Symbol.for("redtrail.shared-traces") as never;
const shared = globalThis as { [STATE]?: SharedState; [SHARED_TRACES]?: SharedTraces | undefined };

/** What an earlier load in this process has left; undefined on the first. */
export function getState(): SharedState | undefined {
  return shared[STATE];
}

export function setState(state: SharedState): void {
  shared[STATE] = state;
}

/** Undefined where there is no shared storage. */
export function getSharedTraces(): SharedTraces | undefined {
  return shared[SHARED_TRACES];
}

export function setSharedTraces(sharedTraces: SharedTraces | undefined): void {
  shared[SHARED_TRACES] = sharedTraces;
}
