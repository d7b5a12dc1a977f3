// What happens to the last spans when the process ends: they go out, and the process ends as it would without us.
//
//   signal, no handler of the app's   deliver within the deadline, then raise the signal again: the same death as before
//   signal, the app has a handler     deliver at once and keep working: the app drains, and ends itself
//   natural end (beforeExit)          deliver within the deadline
//   process.exit, uncaught exception  hand over to a thread that delivers while `exit` waits, for a second at most
import type { Engine } from "./engines/engine.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
type Signal = (typeof SIGNALS)[number];

/** `exit` handlers block the end of the process; nobody should wait for us longer than this. */
const MAX_EXIT_WAIT_MS = 1_000;

/** Follows the process to its end. Returns how to stop following it. */
export function followLifecycle(engine: Engine, deadlineMs: number): () => void {
  let isEnding = false;
  let hasGivenUp = false;

  async function onSignal(signal: Signal): Promise<void> {
    if (process.listenerCount(signal) > 1) {
      await engine.flush(deadlineMs);
      return;
    }
    // A second signal means: now.
    if (!isEnding) {
      isEnding = true;
      await engine.flush(deadlineMs);
    }
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  }

  async function onBeforeExit(): Promise<void> {
    if (hasGivenUp || engine.pending() === 0) return;
    await engine.flush(deadlineMs);
    // Waiting keeps the process alive, so a backend that is down is asked once.
    hasGivenUp = engine.pending() > 0;
  }

  function onExit(): void {
    if (!hasGivenUp) engine.flushSync(Math.min(deadlineMs, MAX_EXIT_WAIT_MS));
  }

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
  };
}
