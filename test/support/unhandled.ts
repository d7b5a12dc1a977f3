// The rejections that nobody handles while something runs, as an app's own listener would hear of them.

export async function unhandledDuring(run: () => unknown): Promise<{ reason: unknown; promise: Promise<unknown> }[]> {
  const seen: { reason: unknown; promise: Promise<unknown> }[] = [];
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason, promise) => seen.push({ reason, promise }));
  try {
    await run();
    // Node tells of them when the microtasks are done.
    for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  return seen;
}
