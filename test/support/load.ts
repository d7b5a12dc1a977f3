// Requests at a steady rate, each with an X-Request-ID of its own.
import { setTimeout as wait } from "node:timers/promises";

export interface Load {
  /** Of the requests that were sent. */
  readonly ids: Set<string>;
  readonly latenciesMs: number[];
  /** Resolves when all are answered. */
  stop(): Promise<void>;
}

/** The rate holds however slow the answers are. */
export function startLoad(url: string, perSecond: number, prefix: string): Load {
  const ids = new Set<string>();
  const latenciesMs: number[] = [];
  const open = new Set<Promise<void>>();
  const run = { isOver: false };

  async function send(id: string): Promise<void> {
    const start = performance.now();
    const response = await fetch(url, { headers: { "x-request-id": id } });
    await response.text();
    latenciesMs.push(performance.now() - start);
  }

  async function sendAll(): Promise<void> {
    const start = performance.now();
    for (let sent = 0; !run.isOver;) {
      const due = ((performance.now() - start) / 1_000) * perSecond;
      for (; sent < due; sent++) {
        const id = `${prefix}-${sent}`;
        ids.add(id);
        const call = send(id).finally(() => open.delete(call));
        open.add(call);
      }
      await wait(5);
    }
  }

  const running = sendAll();
  return {
    ids,
    latenciesMs,
    async stop() {
      run.isOver = true;
      await running;
      await Promise.all(open);
    },
  };
}

/** `1.2/8.5`: the median and the 99th percentile, in milliseconds. */
export function medianAndP99(latenciesMs: readonly number[]): string {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  return `${at(0.5)}/${at(0.99)}`;
}
