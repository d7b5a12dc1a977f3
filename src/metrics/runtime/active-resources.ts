// What keeps the event loop alive, by type: sockets, servers, timers, requests.
// https://opentelemetry.io/docs/specs/semconv/runtime/v8js-metrics/#metric-v8jsresourceactive
import { ValueType } from "@opentelemetry/api";
import { type NumberPoint, type Source, addPoint, gauge } from "./source.ts";

/** The list has an entry per resource: 3,000 take 0.4 ms, 15,000 take 1.3 ms and now and then 7 (Node 24). */
const REFRESH_MS = 10_000;
/** What a refresh took is at most this share of the time to the next one. */
const COST_SHARE = 1 / 10_000;
/** Types are names of classes in Node's core, about 50. Those beyond the bound are counted together as "other". */
const MAX_TYPES = 64;
const OTHER = "other";

/** When to refresh next, after a refresh that took `costMs`. */
export function nextRefreshMs(nowMs: number, costMs: number): number {
  return nowMs + Math.max(REFRESH_MS, costMs / COST_SHARE);
}

/** Adds the types to `counts`, whose keys stay when nothing of their type is left: their gauge falls to 0. */
export function countTypes(types: readonly string[], counts: Map<string, number>, maxTypes: number = MAX_TYPES): void {
  for (const type of counts.keys()) counts.set(type, 0);
  for (const type of types) {
    const key = counts.has(type) || counts.size < maxTypes ? type : OTHER;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
}

export function activeResources(): Source {
  const active = gauge({
    name: "v8js.resource.active",
    unit: "{resource}",
    description: "Resources that keep the event loop alive, by type.",
    valueType: ValueType.INT,
  });
  const counts = new Map<string, number>();
  const points = new Map<string, NumberPoint>();
  let dueMs = 0;
  return {
    metrics: [active],
    read({ nowMs }) {
      if (nowMs < dueMs) return;
      // Also when the call fails: it is not to be tried at every scrape.
      dueMs = nextRefreshMs(nowMs, 0);
      countTypes(process.getActiveResourcesInfo(), counts);
      for (const [type, count] of counts) {
        let point = points.get(type);
        if (point === undefined) points.set(type, (point = addPoint(active, { "v8js.resource.type": type })));
        point.value = count;
      }
      dueMs = nextRefreshMs(nowMs, performance.now() - nowMs);
    },
  };
}
