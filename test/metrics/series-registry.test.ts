import assert from "node:assert/strict";
import test from "node:test";
import { SeriesRegistry } from "../../src/metrics/series-registry.ts";

function createRegistry(limit: number): { registry: SeriesRegistry<{ attributes: object }>; overflows: () => number } {
  let overflows = 0;
  const registry = new SeriesRegistry({
    keys: ["method", "route", "status"],
    limit,
    create: (attributes) => ({ attributes }),
    onOverflow: () => overflows++,
  });
  return { registry, overflows: () => overflows };
}

test("SeriesRegistry.get gives the same series for the same values, and another one for others", () => {
  const { registry } = createRegistry(10);
  const one = registry.get(["GET", "/a", 200]);
  assert.equal(registry.get(["GET", "/a", 200]), one);
  assert.notEqual(registry.get(["GET", "/a", 500]), one);
  assert.notEqual(registry.get(["GET", undefined, 200]), one);
  assert.equal(registry.all.length, 3);
});

test("SeriesRegistry leaves a label out when its value is undefined", () => {
  const { registry } = createRegistry(10);
  assert.deepEqual(registry.get(["GET", undefined, 404]).attributes, { method: "GET", status: 404 });
});

test("SeriesRegistry counts the values beyond its limit in one overflow series, and says so once", () => {
  const { registry, overflows } = createRegistry(2);
  const first = registry.get(["GET", "/1", 200]);
  registry.get(["GET", "/2", 200]);
  const overflow = registry.get(["GET", "/3", 200]);
  for (let i = 4; i < 100_000; i++) assert.equal(registry.get(["GET", `/${i}`, 200]), overflow);
  assert.deepEqual(overflow.attributes, { "otel.metric.overflow": true });
  assert.equal(registry.all.length, 3);
  assert.equal(registry.overflowed, 99_997);
  assert.equal(overflows(), 1);
  assert.equal(registry.get(["GET", "/1", 200]), first);
});

test("SeriesRegistry cuts a value at 255 characters, and counts what is alike after that together", () => {
  const { registry } = createRegistry(10);
  const long = registry.get(["GET", "x".repeat(256), 200]);
  assert.equal(registry.get(["GET", `${"x".repeat(255)}y`, 200]), long);
  assert.notEqual(registry.get(["GET", "x".repeat(254), 200]), long);
  assert.deepEqual(long.attributes, { method: "GET", route: "x".repeat(255), status: 200 });
});
