// Decides how long a server that is away is left alone: a second and more, longer each time, and never in step with other processes.

const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** Whoever answers for as long is well again; one that fails sooner goes on where it was. */
const WELL_AFTER_MS = 10_000;
/** Of the pause, added by chance. */
const JITTER = 0.5;

/** `half-open`: one question is on its way, and its answer decides. */
export type BreakerState = "closed" | "open" | "half-open";

export interface Breaker {
  readonly state: BreakerState;
  /** The server is away. Returns the milliseconds until it is asked again. */
  trip(): number;
  /** It is being asked. */
  probe(): void;
  /** It has answered. */
  close(): void;
}

/** @param now in milliseconds */
export function createBreaker(
  random: () => number = Math.random,
  now: () => number = () => performance.now(),
): Breaker {
  let state: BreakerState = "half-open";
  let failures = 0;
  let closedAt = 0;
  return {
    get state() {
      return state;
    },
    trip() {
      if (state === "closed" && now() - closedAt >= WELL_AFTER_MS) failures = 0;
      state = "open";
      const pause = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** Math.min(failures++, 16));
      return pause * (1 + JITTER * random());
    },
    probe() {
      state = "half-open";
    },
    close() {
      state = "closed";
      closedAt = now();
    },
  };
}
