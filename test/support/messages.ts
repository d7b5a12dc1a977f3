// What tests of message queues read of their apps.
import type { RunningApp } from "./run-app.ts";

/** What an app has printed, a line of JSON each; the last line may not be whole. */
export function seenBy<Seen>(app: Pick<RunningApp, "stdout">): Seen[] {
  return app
    .stdout()
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Seen);
}

/** Polls, for 15 seconds at most, until there is a value. */
export async function until<Value>(read: () => Value | undefined): Promise<Value> {
  for (let tries = 0; tries < 300; tries++) {
    const value = read();
    if (value !== undefined) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("nothing came");
}
