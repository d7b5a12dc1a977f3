import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import type { DataPoint, MetricData, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { type RuntimeMetrics, createRuntimeMetrics } from "../../../src/metrics/runtime/runtime-metrics.ts";

const MODULE = new URL("../../../src/metrics/runtime/runtime-metrics.ts", import.meta.url).href;
const PROCESS_METRICS = { skip: process.platform === "linux" ? false : "Linux only" };

function create(t: TestContext, windowMs?: number): RuntimeMetrics {
  const metrics = createRuntimeMetrics(windowMs === undefined ? {} : { windowMs });
  t.after(() => metrics.stop());
  return metrics;
}

function metric({ metrics }: ScopeMetrics, name: string): MetricData | undefined {
  return metrics.find(({ descriptor }) => descriptor.name === name);
}

function points(scope: ScopeMetrics, name: string): DataPoint<number>[] {
  return (metric(scope, name)?.dataPoints ?? []) as DataPoint<number>[];
}

function valueOf(scope: ScopeMetrics, name: string, label?: string): number {
  const point = points(scope, name).find(
    ({ attributes }) => label === undefined || Object.values(attributes).includes(label),
  );
  assert.ok(point !== undefined, `${name} ${label ?? ""} is there`);
  return point.value;
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Collects until the condition holds; the test's own timeout ends it. */
async function collectUntil(metrics: RuntimeMetrics, holds: (scope: ScopeMetrics) => boolean): Promise<ScopeMetrics> {
  for (;;) {
    const scope = metrics.collectSync();
    if (holds(scope)) return scope;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A process of its own, with `runtime` as the runtime metrics; resolves with what it printed. */
async function run(code: string, ...flags: string[]): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const program = `import { createRuntimeMetrics } from ${JSON.stringify(MODULE)}; const runtime = createRuntimeMetrics();${code}`;
  const child = spawn(process.execPath, ["--no-warnings", ...flags, "--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code: child.exitCode };
}

test("createRuntimeMetrics gives the metrics of the conventions, by name", PROCESS_METRICS, async (t) => {
  const metrics = create(t);
  const scope = await collectUntil(metrics, (one) => points(one, "nodejs.eventloop.delay.max").length > 0);
  assert.equal(scope.scope.name, "redtrail/runtime");
  assert.deepEqual(
    scope.metrics.map(({ descriptor: { name, unit } }) => `${name} ${unit}`).toSorted(),
    [
      "nodejs.eventloop.delay.max s",
      "nodejs.eventloop.delay.mean s",
      "nodejs.eventloop.delay.min s",
      "nodejs.eventloop.delay.p50 s",
      "nodejs.eventloop.delay.p90 s",
      "nodejs.eventloop.delay.p99 s",
      "nodejs.eventloop.delay.stddev s",
      "nodejs.eventloop.time s",
      "nodejs.eventloop.utilization 1",
      "process.cpu.time s",
      "process.cpu.utilization 1",
      "process.memory.usage By",
      "process.thread.count {thread}",
      "process.unix.file_descriptor.count {file_descriptor}",
      "process.uptime s",
      "v8js.gc.duration s",
      "v8js.memory.heap.space.available_size By",
      "v8js.memory.heap.space.physical_size By",
      "v8js.memory.heap.space.size By",
      "v8js.memory.heap.used By",
      "v8js.resource.active {resource}",
    ].toSorted(),
  );
});

test("createRuntimeMetrics reads plausible values of the process", PROCESS_METRICS, (t) => {
  const scope = create(t).collectSync();
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const near = (actual: number, expected: number, share: number): void =>
    assert.ok(Math.abs(actual - expected) <= expected * share, `${actual} is near ${expected}`);
  near(valueOf(scope, "process.memory.usage"), rss, 0.1);
  near(
    points(scope, "v8js.memory.heap.used").reduce((total, { value }) => total + value, 0),
    heapUsed,
    0.1,
  );
  near(
    valueOf(scope, "process.cpu.time", "user") + valueOf(scope, "process.cpu.time", "system"),
    (user + system) / 1e6,
    0.1,
  );
  near(valueOf(scope, "process.uptime"), process.uptime(), 0.05);
  assert.equal(valueOf(scope, "process.thread.count"), readdirSync("/proc/self/task").length);
  const shares = points(scope, "process.cpu.utilization").map(({ value }) => value);
  assert.ok(shares.every((share) => share >= 0 && share <= 1));
});

test("createRuntimeMetrics counts open files and what keeps the loop alive", PROCESS_METRICS, (t) => {
  const before = valueOf(create(t).collectSync(), "process.unix.file_descriptor.count");
  // The list holds the descriptor that it is read by.
  assert.equal(before, readdirSync("/proc/self/fd").length - 1);
  const timer = setTimeout(() => {}, 60_000);
  const timers = valueOf(create(t).collectSync(), "v8js.resource.active", "Timeout");
  clearTimeout(timer);
  assert.equal(timers, process.getActiveResourcesInfo().filter((type) => type === "Timeout").length + 1);
});

test(
  "nodejs.eventloop.delay shows a loop that is blocked for 200 ms, to every reader",
  { timeout: 10_000 },
  async (t) => {
    const metrics = create(t);
    await collectUntil(metrics, (one) => points(one, "nodejs.eventloop.delay.max").length > 0);
    block(200);
    const scope = await collectUntil(metrics, (one) => valueOf(one, "nodejs.eventloop.delay.max") > 0.17);
    const first = valueOf(scope, "nodejs.eventloop.delay.max");
    assert.ok(first < 1, `${first}`);
    assert.equal(valueOf(metrics.collectSync(), "nodejs.eventloop.delay.max"), first);
    assert.ok(valueOf(scope, "nodejs.eventloop.delay.p50") <= first);
    assert.ok(valueOf(scope, "nodejs.eventloop.delay.min") < 0.1);
  },
);

test("nodejs.eventloop.delay forgets a block once its windows are over", { timeout: 10_000 }, async (t) => {
  const metrics = create(t, 100);
  await collectUntil(metrics, (one) => points(one, "nodejs.eventloop.delay.max").length > 0);
  block(300);
  await collectUntil(metrics, (one) => valueOf(one, "nodejs.eventloop.delay.max") > 0.25);
  await collectUntil(metrics, (one) => valueOf(one, "nodejs.eventloop.delay.max") < 0.25);
});

test("nodejs.eventloop.utilization and time tell a busy loop from an idle one", { timeout: 10_000 }, async (t) => {
  const metrics = create(t, 50);
  const nextWindow = async (): Promise<ScopeMetrics> => {
    await new Promise((resolve) => setTimeout(resolve, 60));
    return metrics.collectSync();
  };
  // Twice, so that both windows have begun here and not with the process.
  await nextWindow();
  const before = valueOf(await nextWindow(), "nodejs.eventloop.time", "active");
  setImmediate(block, 300);
  const busy = await nextWindow();
  assert.ok(valueOf(busy, "nodejs.eventloop.utilization") > 0.5);
  assert.ok(valueOf(busy, "nodejs.eventloop.time", "active") - before >= 0.29);
  const idleBefore = valueOf(busy, "nodejs.eventloop.time", "idle");
  const idle = await collectUntil(metrics, (one) => valueOf(one, "nodejs.eventloop.utilization") < 0.5);
  assert.ok(valueOf(idle, "nodejs.eventloop.time", "idle") > idleBefore);
});

test("createRuntimeMetrics keeps points and attributes from one collection to the next", (t) => {
  const metrics = create(t);
  const first = points(metrics.collectSync(), "v8js.memory.heap.used");
  const second = points(metrics.collectSync(), "v8js.memory.heap.used");
  assert.ok(first.length > 5);
  for (const [index, point] of second.entries()) assert.equal(point.attributes, first[index]?.attributes);
});

test("createRuntimeMetrics leaves out a source that fails, and only that", (t) => {
  t.mock.method(process, "cpuUsage", () => {
    throw new Error("no such thing");
  });
  const scope = create(t).collectSync();
  assert.equal(metric(scope, "process.cpu.time"), undefined);
  assert.notEqual(metric(scope, "process.memory.usage"), undefined);
});

test("createRuntimeMetrics says once that a source fails", async () => {
  const { stderr } = await run(
    `process.cpuUsage = () => { throw new Error("no such thing"); }; runtime.collectSync(); runtime.collectSync();`,
  );
  assert.equal(
    stderr,
    'redtrail: runtime metrics "process.cpu" cannot be read (Error: no such thing); they are left out\n',
  );
});

test("RuntimeMetrics.producer hands out what collectSync does", async (t) => {
  const metrics = create(t);
  const { resourceMetrics, errors } = await metrics.producer.collect();
  assert.deepEqual(errors, []);
  assert.deepEqual(
    resourceMetrics.scopeMetrics.map(({ scope }) => scope.name),
    ["redtrail/runtime"],
  );
});

test("RuntimeMetrics.stop ends sampling for good, whether it has begun or not", (t) => {
  const begun = create(t);
  assert.ok(begun.collectSync().metrics.length > 0);
  begun.stop();
  begun.stop();
  assert.deepEqual(begun.collectSync().metrics, []);
  const notBegun = create(t);
  notBegun.stop();
  assert.deepEqual(notBegun.collectSync().metrics, []);
});

test("v8js.gc.duration counts forced collections by type, in the conventions' buckets", async () => {
  const { stdout } = await run(
    `setTimeout(() => {
       gc(); gc({ type: "minor" });
       setTimeout(() => {
         const { dataPoints } = runtime.collectSync().metrics.find(({ descriptor }) => descriptor.name === "v8js.gc.duration");
         console.log(JSON.stringify(dataPoints.map(({ attributes, value }) => ({ type: attributes["v8js.gc.type"], ...value }))));
       }, 50);
     }, 10);`,
    "--expose-gc",
  );
  const series = JSON.parse(stdout) as {
    type: string;
    count: number;
    sum: number;
    buckets: { boundaries: number[] };
  }[];
  assert.deepEqual(series.map(({ type }) => type).toSorted(), ["incremental", "major", "minor", "weakcb"]);
  for (const type of ["major", "minor"]) {
    const one = series.find((each) => each.type === type);
    assert.ok(one !== undefined && one.count >= 1, `${type} is counted`);
    assert.ok(one.sum > 0 && one.sum < 1, `${one.sum} are seconds`);
    assert.deepEqual(one.buckets.boundaries, [0.01, 0.1, 1, 10]);
  }
});

for (const [name, code] of Object.entries({
  "at once": "",
  "after its timers, with everything sampled": `setTimeout(() => { runtime.collectSync(); setTimeout(() => runtime.collectSync(), 60); }, 30);`,
})) {
  test(`createRuntimeMetrics does not hold a process that ends ${name}`, async () => {
    const { code: exitCode, stderr } = await run(code);
    assert.equal(stderr, "");
    assert.equal(exitCode, 0);
  });
}
