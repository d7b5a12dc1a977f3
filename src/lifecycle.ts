// What happens to the last spans when the process ends: they go out, and the process ends as it would without us.
//
//   signal, nobody listens            deliver within the deadline, then raise the signal again: the same death as before
//   signal, the app listens           we do not: the app drains, and ends by one of the ways below
//   natural end (beforeExit)          deliver within the deadline
//   process.exit, uncaught exception  hand over to a thread that delivers while `exit` waits, for a second at most
import type { Engine } from "./engines/engine.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
type Signal = (typeof SIGNALS)[number];

/** `exit` handlers block the end of the process; nobody should wait for us longer than this. */
const MAX_EXIT_WAIT_MS = 1_000;

/** Follows the process to its end. Returns how to stop following it. */
export function followLifecycle(engine: Engine, deadlineMs: number): () => void {
  const unfollow = SIGNALS.map((signal) =>
    actWhenAlone(
      signal,
      () => engine.flush(deadlineMs),
      () => engine.endSync(),
    ),
  );
  let hasGivenUp = false;

  async function onBeforeExit(): Promise<void> {
    if (hasGivenUp || engine.pending() === 0) return;
    await engine.flush(deadlineMs);
    // Waiting keeps the process alive, so a backend that is down is asked once.
    hasGivenUp = engine.pending() > 0;
  }

  function onExit(): void {
    if (!hasGivenUp) engine.flushSync(Math.min(deadlineMs, MAX_EXIT_WAIT_MS));
    engine.endSync();
  }

  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);
  return () => {
    for (const stop of unfollow) stop();
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
  };
}

/**
 * Runs `work` before a signal that nobody else listens to ends the process. As soon as the app listens we do not: libraries
 * such as signal-exit count the listeners to learn whether the end is theirs to bring about, and ours would make both wait.
 */
function actWhenAlone(signal: Signal, work: () => Promise<void>, last: () => void): () => void {
  let isFollowing = true;
  let isEnding = false;

  async function onSignal(): Promise<void> {
    // A second signal means: now.
    if (!isEnding) {
      isEnding = true;
      await work();
    }
    stop();
    last();
    process.kill(process.pid, signal);
  }

  function onNewListener(event: string | symbol, listener: unknown): void {
    if (event !== signal || listener === onSignal) return;
    // Not before it is there: Node would stop to watch the signal in between.
    process.nextTick(() => process.off(signal, onSignal));
  }

  function onRemoveListener(event: string | symbol): void {
    if (event === signal && isFollowing && process.listenerCount(signal) === 0) process.on(signal, onSignal);
  }

  function stop(): void {
    isFollowing = false;
    process.off("newListener", onNewListener);
    process.off("removeListener", onRemoveListener);
    process.off(signal, onSignal);
  }

  process.on(signal, onSignal);
  process.on("newListener", onNewListener);
  process.on("removeListener", onRemoveListener);
  return stop;
}
