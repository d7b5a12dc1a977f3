import assert from "node:assert/strict";
import test from "node:test";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { PullReader } from "../../../src/exporters/prometheus/reader.ts";

test("PullReader.collectShared gives those who ask meanwhile the same collection", async () => {
  let calls = 0;
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  provider
    .getMeter("m")
    .createObservableGauge("g")
    .addCallback((result) => {
      calls++;
      result.observe(1);
    });
  await Promise.all([reader.collectShared(1_000), reader.collectShared(1_000)]);
  assert.equal(calls, 1);
  await reader.collectShared(1_000);
  assert.equal(calls, 2);
});

test("PullReader.collectShared is not held up by a callback that never ends", async () => {
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter("m");
  meter.createObservableGauge("hangs").addCallback(() => new Promise(() => {}));
  meter.createCounter("fine").add(1);
  const { scopeMetrics } = await reader.collectShared(50);
  assert.ok(scopeMetrics[0]?.metrics.some(({ descriptor }) => descriptor.name === "fine"));
});

test("PullReader.collectShared loses of a failing source only that source", async () => {
  const reader = new PullReader({ metricProducers: [{ collect: () => Promise.reject(new Error("no luck")) }] });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter("m").createCounter("fine").add(1);
  const { scopeMetrics } = await reader.collectShared(1_000);
  assert.equal(scopeMetrics.length, 1);
});

test("PullReader.collectShared is not held up by a source that never ends, this time or the next", async () => {
  const reader = new PullReader({ metricProducers: [{ collect: () => new Promise(() => {}) }] });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter("m").createCounter("fine").add(1);
  // The reader's own timer does not keep the process, and there is no server here that would.
  const keepAlive = setInterval(() => {}, 1_000);
  for (let scrape = 0; scrape < 2; scrape++) assert.equal((await reader.collectShared(20)).scopeMetrics.length, 1);
  clearInterval(keepAlive);
});

test("PullReader.collectShared rejects without a provider", async () => {
  await assert.rejects(new PullReader().collectShared(1_000), /not bound/);
});

test("PullReader.collectShared puts the sources before the SDK's metrics, and does not lose them to a slow callback", async () => {
  const scope = { scope: { name: "source" }, metrics: [] };
  let collectedAt = 0;
  const reader = new PullReader({
    metricProducers: [
      {
        collect: async () => {
          collectedAt = performance.now();
          return { resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [scope] }, errors: [] };
        },
      },
    ],
  });
  const provider = new MeterProvider({
    readers: [reader],
    resource: resourceFromAttributes({ "service.name": "shop" }),
  });
  const meter = provider.getMeter("app");
  meter.createObservableGauge("hangs").addCallback(() => new Promise(() => {}));
  meter.createCounter("fine").add(1);
  const began = performance.now();
  const { scopeMetrics, resource } = await reader.collectShared(30);
  assert.deepEqual(
    scopeMetrics.map((one) => one.scope.name),
    ["source", "app"],
  );
  assert.equal(resource.attributes["service.name"], "shop");
  // Live data points are read after the SDK has had its time, not before.
  assert.ok(collectedAt - began > 20, `${collectedAt - began}`);
});

test("PullReader.collectShared loses of a source that throws at once, or gives nothing, only that source", async () => {
  const resource = resourceFromAttributes({});
  const good = { scope: { name: "good" }, metrics: [] };
  const reader = new PullReader({
    metricProducers: [
      {
        collect: () => {
          throw new Error("at once");
        },
      },
      { collect: async () => undefined as never },
      { collect: async () => ({ resourceMetrics: { resource, scopeMetrics: [good] }, errors: [] }) },
    ],
  });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter("app").createCounter("fine").add(1);
  const { scopeMetrics } = await reader.collectShared(1_000);
  assert.deepEqual(
    scopeMetrics.map((one) => one.scope.name),
    ["good", "app"],
  );
});

test("PullReader.collectProducers gives the sources alone, without asking the SDK", async () => {
  const resource = resourceFromAttributes({});
  const scope = { scope: { name: "source" }, metrics: [] };
  const reader = new PullReader({
    metricProducers: [{ collect: async () => ({ resourceMetrics: { resource, scopeMetrics: [scope] }, errors: [] }) }],
  });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter("app");
  meter.createObservableGauge("g").addCallback(() => assert.fail("asked"));
  assert.deepEqual(await reader.collectProducers(1_000), [scope]);
});

test("PullReader.collectShared keeps nobody for longer than he has, whoever came before with more time", async () => {
  const reader = new PullReader();
  const provider = new MeterProvider({ readers: [reader] });
  provider
    .getMeter("m")
    .createObservableGauge("hangs")
    .addCallback(() => new Promise(() => {}));
  const patient = reader.collectShared(400);
  const began = performance.now();
  const { scopeMetrics } = await reader.collectShared(30);
  assert.ok(performance.now() - began < 300);
  assert.deepEqual(scopeMetrics, []);
  await patient;
});
