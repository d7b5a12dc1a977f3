// The demo's callers: a steady mix of requests that go well, slowly, wrong, and that are given up.

export interface TrafficCounts {
  sent: number;
  ok: number;
  failed: number;
  aborted: number;
}

const INTERVAL_MS = 12;

/** Sends for `durationMs` or until `signal`, and resolves when the last answer is there. `onProgress` is called a few times a second. */
export async function sendTraffic(
  url: string,
  durationMs: number,
  signal: AbortSignal,
  onProgress: (counts: TrafficCounts) => void,
): Promise<TrafficCounts> {
  const counts: TrafficCounts = { sent: 0, ok: 0, failed: 0, aborted: 0 };
  const calls: Promise<void>[] = [];
  const started = performance.now();
  let shown = 0;
  while (performance.now() - started < durationMs && !signal.aborted) {
    calls.push(sendOne(url, counts.sent, counts));
    counts.sent++;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    if (performance.now() - shown < 250) continue;
    shown = performance.now();
    onProgress(counts);
  }
  await Promise.all(calls);
  onProgress(counts);
  return counts;
}

async function sendOne(url: string, index: number, counts: TrafficCounts): Promise<void> {
  const path = pathOf(index);
  const isGivenUp = path === "/report";
  try {
    const response = await fetch(url + path, {
      ...(path === "/orders" ? { method: "POST", body: "[1]", headers: { "content-type": "application/json" } } : {}),
      ...(isGivenUp ? { signal: AbortSignal.timeout(100) } : {}),
    });
    await response.text();
    counts[response.status < 500 ? "ok" : "failed"]++;
  } catch {
    counts[isGivenUp ? "aborted" : "failed"]++;
  }
}

function pathOf(index: number): string {
  if (index % 40 === 7) return "/report";
  if (index % 6 === 1) return "/orders";
  if (index % 15 === 3) return "/products/13";
  if (index % 10 === 4) return `/products/${index}/reviews`;
  if (index % 25 === 9) return `/no/such/page/${index}`;
  return `/products/${100 + (index % 50)}`;
}
