import assert from "node:assert/strict";
import test from "node:test";
import type { Attributes } from "@opentelemetry/api";
import { SeriesRegistry, type SeriesRegistryOptions } from "../../src/metrics/series-registry.ts";

interface Series {
  readonly attributes: Attributes;
  lastSeen: number;
  count: number;
}

function createRegistry(options: Partial<SeriesRegistryOptions<Series>> = {}): {
  registry: SeriesRegistry<Series>;
  limits: unknown[];
  /** Counts one of these values. */
  count: (values: readonly (string | number | undefined)[], nowS?: number) => Series;
  total: () => number;
} {
  const limits: unknown[] = [];
  const registry = new SeriesRegistry<Series>({
    identity: [{ key: "route" }, { key: "method" }],
    outcome: [{ key: "status" }],
    limit: 10,
    idleAfterS: 900,
    create: (attributes) => ({ attributes, lastSeen: 0, count: 0 }),
    onLimit: (limit, label) => limits.push([limit, label]),
    ...options,
  });
  return {
    registry,
    limits,
    count(values, nowS = 0) {
      const series = registry.get(values, nowS);
      series.count++;
      series.lastSeen = nowS;
      return series;
    },
    total: () => registry.all.reduce((sum, { count }) => sum + count, 0),
  };
}

test("SeriesRegistry.get gives the same series for the same values, and another one for others", () => {
  const { registry, count } = createRegistry();
  const one = count(["/a", "GET", 200]);
  assert.equal(count(["/a", "GET", 200]), one);
  assert.notEqual(count(["/a", "GET", 500]), one);
  assert.notEqual(count([undefined, "GET", 200]), one);
  assert.equal(registry.all.length, 3);
});

test("SeriesRegistry leaves a label out when its value is undefined", () => {
  assert.deepEqual(createRegistry().count([undefined, "GET", 404]).attributes, { method: "GET", status: 404 });
});

test("SeriesRegistry takes what is written the same in an exposition for one series", () => {
  const { count } = createRegistry();
  assert.equal(count(["/a", "GET", 200]), count(["/a", "GET", "200"]));
});

test("SeriesRegistry cuts a value at 255 characters, not through a surrogate pair, and counts what is alike after that together", () => {
  const { count } = createRegistry();
  const long = count(["x".repeat(256), "GET", 200]);
  assert.equal(count([`${"x".repeat(255)}y`, "GET", 200]), long);
  assert.notEqual(count(["x".repeat(254), "GET", 200]), long);
  assert.equal(long.attributes["route"], "x".repeat(255));
  assert.equal(count([`${"x".repeat(254)}\u{1F600}`, "GET", 200]).attributes["route"], "x".repeat(254));
});

test("SeriesRegistry makes values beyond a label's limit _other, and keeps the other labels", () => {
  const { registry, count, limits, total } = createRegistry({
    identity: [{ key: "route", limit: 2 }, { key: "method" }],
  });
  count(["/1", "GET", 200]);
  count(["/2", "GET", 200]);
  const other = count(["/3", "GET", 200]);
  assert.deepEqual(other.attributes, { route: "_other", method: "GET", status: 200 });
  assert.equal(count(["/4", "GET", 200]), other);
  assert.deepEqual(count(["/4", "GET", 500]).attributes, { route: "_other", method: "GET", status: 500 });
  assert.deepEqual(count(["/1", "GET", 500]).attributes, { route: "/1", method: "GET", status: 500 });
  assert.deepEqual(limits, [[2, "route"]]);
  assert.deepEqual([...registry.capped], [["route", 3]]);
  assert.equal(total(), 6);
});

test("SeriesRegistry counts identities beyond its limit in one overflow series, and says so once", () => {
  const { registry, count, limits, total } = createRegistry({ limit: 2 });
  const first = count(["/1", "GET", 200]);
  count(["/2", "GET", 200]);
  const overflow = count(["/3", "GET", 200]);
  for (let i = 4; i < 10_000; i++) assert.equal(count([`/${i}`, "GET", 200]), overflow);
  assert.deepEqual(overflow.attributes, { "otel.metric.overflow": true });
  assert.equal(registry.all.length, 3);
  assert.equal(registry.overflowed, 9_997);
  assert.deepEqual(limits, [[2, undefined]]);
  assert.equal(count(["/1", "GET", 200]), first);
  assert.equal(total(), 10_000);
});

test("SeriesRegistry lets new outcomes of what is known in, up to twice the limit", () => {
  const { registry, count, total } = createRegistry({ limit: 3 });
  for (const route of ["/1", "/2", "/3", "/4"]) count([route, "GET", 200]);
  assert.equal(registry.overflowed, 1);
  for (const status of [500, 502, 503]) assert.equal(count(["/1", "GET", status]).attributes["status"], status);
  assert.equal(count(["/1", "GET", 504]).attributes["otel.metric.overflow"], true);
  assert.equal(registry.all.length, 7);
  assert.equal(total(), 8);
});

test("SeriesRegistry gives idle series up for new ones, and only when there is no room", () => {
  let evictions = 0;
  const { registry, count } = createRegistry({ limit: 2, onEviction: () => evictions++ });
  count(["/old", "GET", 200], 0);
  count(["/busy", "GET", 200], 0);
  count(["/busy", "GET", 200], 900);
  // Idle for exactly as long as is allowed.
  assert.equal(count(["/new", "GET", 200], 900).attributes["otel.metric.overflow"], true);
  assert.equal(count(["/new", "GET", 200], 905).attributes["otel.metric.overflow"], true, "looked for too soon");
  assert.equal(count(["/new", "GET", 200], 910).attributes["route"], "/new");
  assert.equal(registry.evicted, 1);
  assert.equal(evictions, 1);
  assert.deepEqual(
    registry.all.map(({ attributes }) => attributes["route"]),
    ["/busy", undefined, "/new"],
  );
  assert.equal(registry.has(["/old", "GET", 200]), false);
});

test("SeriesRegistry gives nothing up when idleAfterS is 0", () => {
  const { registry, count } = createRegistry({ limit: 1, idleAfterS: 0 });
  count(["/old", "GET", 200], 0);
  count(["/new", "GET", 200], 1e9);
  assert.equal(registry.evicted, 0);
  assert.equal(registry.overflowed, 1);
});

test("SeriesRegistry gives a label's place back when the last series with its value is given up", () => {
  const { count } = createRegistry({ identity: [{ key: "route", limit: 1 }, { key: "method" }], limit: 1 });
  count(["/old", "GET", 200], 0);
  // The label's limit comes first: this is `_other`, whose place the idle one makes.
  assert.equal(count(["/new", "GET", 200], 1_000).attributes["route"], "_other");
  assert.equal(count(["/newer", "POST", 200], 3_000).attributes["route"], "/newer");
});

test("SeriesRegistry makes a twin beside a new series, if there is room", () => {
  const { registry, count } = createRegistry({
    limit: 1,
    twinOf: (values) => [...values.slice(0, -1), values.at(-1) === 500 ? 200 : 500],
  });
  count(["/a", "GET", 200]);
  assert.deepEqual(
    registry.all.map(({ attributes, count: counted }) => [attributes["status"], counted]),
    [
      [200, 1],
      [500, 0],
    ],
  );
  count(["/a", "GET", 500]);
  assert.equal(registry.all.length, 2);
});

test("SeriesRegistry keeps a twin for as long as what it stands beside is counted", () => {
  const { registry, count } = createRegistry({
    limit: 2,
    idleAfterS: 900,
    twinOf: (values) => [...values.slice(0, -1), values.at(-1) === 500 ? 200 : 500],
  });
  count(["/a", "GET", 200], 0);
  count(["/a", "GET", 200], 5_000);
  count(["/b", "GET", 200], 5_000);
  assert.equal(registry.evicted, 0);
  assert.equal(registry.has(["/a", "GET", 500]), true);
});

test("SeriesRegistry gives nothing up for a span of the future, as somebody may import one", () => {
  const { registry, count } = createRegistry({ limit: 1 });
  const nowS = Math.floor(Date.now() / 1000);
  count(["/now", "GET", 200], nowS);
  count(["/next-year", "GET", 200], nowS + 31_536_000);
  assert.equal(registry.evicted, 0);
});
