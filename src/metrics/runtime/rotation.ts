// Two overlapping windows that take turns in starting afresh, so that gauges over time do not depend on who reads them. Pure.

/** There are always two windows: what happens goes into both, and the elder of them is read. */
export type WindowIndex = 0 | 1;

export interface Rotation {
  /** The window that began first. */
  elder: WindowIndex;
  /** When a window last began afresh. */
  turnedAtMs: number;
}

/**
 * Once `windowMs` has passed, the elder window is to be emptied (it is returned) and the other one is the elder. What is read
 * covers one window at least, and about two at most; it is not tied to the reader, so several of them see the same. Turning
 * happens when somebody reads and needs no timer: a lone reader that comes more seldom sees exactly the time since its last
 * visit. A reader that comes more seldom than `windowMs` beside others that come more often may miss what was in between.
 */
export function turn(rotation: Rotation, nowMs: number, windowMs: number): WindowIndex | undefined {
  if (nowMs - rotation.turnedAtMs < windowMs) return undefined;
  const emptied = rotation.elder;
  rotation.elder = emptied === 0 ? 1 : 0;
  rotation.turnedAtMs = nowMs;
  return emptied;
}
