// A leader and its members, over links in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricData } from "@opentelemetry/sdk-metrics";
import { type LeaderOptions, MetricsLeader, countsOf } from "../../src/cluster/leader.ts";
import type { Link } from "../../src/cluster/link.ts";
import { MetricsMember } from "../../src/cluster/member.ts";
import {
  counter,
  gauge,
  histogram,
  inScope,
  linkPair,
  resourceMetrics,
  sourceOf,
  updown,
  valuesOf,
} from "./support.ts";

const NOTHING = resourceMetrics([]);

function createLeader(options: Partial<LeaderOptions> = {}): MetricsLeader {
  return new MetricsLeader({ label: "primary", ...options });
}

/** A member that only speaks when it is asked. */
async function addMember(leader: MetricsLeader, label: string, read: () => MetricData[]): Promise<MetricsMember> {
  const [there, here] = linkPair();
  leader.addMember(there);
  const member = new MetricsMember({ link: here, source: sourceOf(read), label, instance: label, intervalMs: 1e9 });
  await member.welcome;
  return member;
}

function lossesOf(leader: MetricsLeader): unknown {
  const self = leader.merge(NOTHING).scopeMetrics.find(({ scope }) => scope.name === "redtrail/cluster");
  const lost = self?.metrics.find(({ descriptor }) => descriptor.name === "redtrail.cluster.lost");
  return lost?.dataPoints.map(({ attributes, value }) => [attributes["reason"], value]);
}

test("MetricsLeader gives its own metrics untouched as long as it has had no member", async () => {
  const leader = createLeader();
  const own = resourceMetrics(inScope(counter("c", 1)));
  await leader.refresh(1_000);
  assert.equal(leader.merge(own), own);
});

test("MetricsLeader asks its members at a scrape, and adds itself", async () => {
  const leader = createLeader();
  let count = 1;
  await addMember(leader, "1", () => [counter("c", count), gauge("g", 5)]);
  await addMember(leader, "2", () => [counter("c", 10)]);
  count = 7;
  await leader.refresh(1_000);
  const merged = leader.merge(resourceMetrics(inScope(counter("c", 100), gauge("g", 6))));
  assert.deepEqual(valuesOf(merged.scopeMetrics), { c: 117, "g{worker=1}": 5, "g{worker=primary}": 6 });
  assert.deepEqual(merged.resource.attributes, { "service.name": "test" });
});

test("MetricsLeader waits for a member that does not answer until its time is up, and only once", async () => {
  const leader = createLeader();
  const [there, here] = linkPair();
  leader.addMember(there);
  await here.send({ type: "hello", version: 1, pid: 1, label: "mute", instance: "mute" });
  let hasWaited = false;
  const timer = setTimeout(() => (hasWaited = true), 40);
  await leader.refresh(100);
  assert.ok(hasWaited);
  clearTimeout(timer);
  const again = leader.refresh(100_000_000);
  await addMember(leader, "1", () => [counter("c", 1)]);
  await again;
});

test("MetricsLeader keeps what a member has counted when its link closes", async () => {
  const leader = createLeader();
  const member = await addMember(leader, "1", () => [counter("c", 3), updown("u", 2), gauge("g", 1)]);
  await member.push(true);
  await leader.refresh(1_000);
  member.close();
  assert.deepEqual(valuesOf(leader.merge(NOTHING).scopeMetrics), { c: 3 });
});

test("MetricsLeader goes on with a member that comes back over another link", async () => {
  const leader = createLeader();
  const first = await addMember(leader, "1", () => [counter("c", 3)]);
  await leader.refresh(1_000);
  first.close();
  await addMember(leader, "1", () => [counter("c", 5)]);
  await leader.refresh(1_000);
  assert.deepEqual(valuesOf(leader.merge(NOTHING).scopeMetrics), { c: 5 });
});

test("MetricsLeader has 512 members at most, and counts the others", async () => {
  const leader = createLeader({ maxMembers: 1 });
  await addMember(leader, "1", () => [counter("c", 3)]);
  const [there, here] = linkPair();
  leader.addMember(there);
  await here.send({ type: "hello", version: 1, pid: 1, label: "2", instance: "2" });
  assert.deepEqual(lossesOf(leader), [["member_limit", 1]]);
});

test("MetricsLeader drops and counts what is malformed, and does not welcome another version", async () => {
  const leader = createLeader();
  const [there, here] = linkPair();
  const received: unknown[] = [];
  here.onMessage((message) => received.push(message));
  leader.addMember(there);
  const hello = { type: "hello", pid: 1, label: "1", instance: "1" } as const;
  await here.send({ ...hello, version: 2 });
  assert.deepEqual(received, []);
  await here.send({ ...hello, version: 1 });
  const points = { type: "points", series: [], values: [], exponential: [], exemplars: [], gone: [] };
  const series = {
    id: 1,
    scope: { name: "s" },
    name: "c",
    description: "",
    unit: "",
    type: "counter",
    isInteger: true,
    attributes: {},
    startTime: [1, 0],
  };
  for (const malformed of [
    null,
    1,
    "points",
    [],
    {},
    { type: "points" },
    { ...points, values: [["1"]] },
    { ...points, values: 1 },
    { ...points, series: [{ ...series, type: "constructor" }] },
    { ...points, series: [{ ...series, startTime: [1] }] },
    { ...points, series: [{ ...series, attributes: { a: {} } }] },
    { ...points, series: [series], values: [[1, null]] },
    { ...points, values: [[1, 1, 1]] },
    { ...points, values: [[99, 1]] },
    { ...points, exponential: [[1, 1]] },
    { ...points, exemplars: [[1, -1, 0, 0, "", "", null, false]] },
    { ...points, values: [[]] },
  ]) {
    await here.send(malformed as never);
  }
  assert.deepEqual(lossesOf(leader), [["malformed", 17]]);
});

test("A leader hands over its own counts and those of members that are gone, and the next one goes on from there", async () => {
  const [old, next] = [createLeader({ label: "1" }), createLeader({ label: "2" })];
  const leaves = await addMember(old, "2", () => [counter("c", 3), histogram("h", [1], [1, 2], 3)]);
  await leaves.push(true);
  await old.refresh(1_000);
  leaves.close();
  const read = (): MetricData[] => [counter("c", 10), histogram("h", [1], [4, 4], 8), updown("u", 1)];
  const stays = await addMember(old, "3", read);
  await old.refresh(1_000);
  const left = overWire(old.handOver(inScope(counter("c", 100), gauge("g", 1))));
  await stays.closed;
  assert.equal(left.instances.length, 1);
  next.inherit({ ...left, instances: ["old", ...left.instances] });
  // What the old leader has handed over already is not taken from the member's own hand too.
  next.inherit({ instances: left.instances, totals: countsOf(inScope(counter("c", 3))) });
  await addMember(next, "3", read);
  await next.refresh(1_000);
  assert.deepEqual(valuesOf(next.merge(NOTHING).scopeMetrics), { c: 113, h: 11, u: 1 });
});

test("What a member has left is counted once, whether its last push has arrived or not", async () => {
  const leader = createLeader({ label: "1" });
  let count = 5;
  const read = (): MetricData[] => [counter("c", count)];
  const member = await addMember(leader, "member", read);
  await leader.refresh(1_000);
  count = 8;
  const left = overWire({ instances: ["member"], totals: countsOf(inScope(counter("c", 8))) });
  leader.inherit(left);
  leader.inherit(left);
  member.close();
  leader.inherit(left);
  assert.deepEqual(valuesOf(leader.merge(NOTHING).scopeMetrics), { c: 8 });
});

test("A leader without members hands over its own counts", () => {
  const { instances, totals } = createLeader().handOver(inScope(counter("c", 1)));
  assert.deepEqual(instances, []);
  assert.equal(totals.length, 1);
});

function overWire<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

test("MetricsMember sends only what has changed, and introduces a series once", async () => {
  const [there, here] = linkPair();
  const sent: unknown[] = [];
  there.onMessage((message) => sent.push(message));
  let count = 1;
  const source = sourceOf(() => [counter("c", count), counter("d", 1)]);
  const member = new MetricsMember({ link: here, source, label: "1", instance: "1", intervalMs: 1e9 });
  await member.push(true);
  await there.send({ type: "welcome", pid: 1 });
  await member.welcome;
  await member.push(true);
  await member.push(true);
  count = 2;
  await member.push(false);
  member.pushSync();
  await Promise.resolve();
  const points = (sent as { type: string; series: unknown[]; values: unknown }[]).filter(
    ({ type }) => type === "points",
  );
  assert.deepEqual(
    points.map(({ series, values }) => [series.length, values]),
    [
      [
        2,
        [
          [1, 1],
          [2, 1],
        ],
      ],
      [0, [[1, 2]]],
    ],
  );
});

test("MetricsMember outlives a source that throws and a link that closes", async () => {
  const [there, here]: [Link, Link] = linkPair();
  const fail = (): never => {
    throw new Error("broken");
  };
  const source = { collect: async () => fail(), collectSync: fail };
  const member = new MetricsMember({ link: here, source, label: "1", instance: "1", intervalMs: 1e9 });
  await there.send({ type: "welcome", pid: 1 });
  await member.push(true);
  member.pushSync();
  there.close();
  await member.closed;
  await member.push(true);
  member.close();
});

test("An attribute that JSON does not have costs a member neither its series nor others", async () => {
  const leader = createLeader();
  const odd = counter("odd", 1);
  const [point] = odd.dataPoints;
  Object.assign(point as object, { attributes: { a: null, b: Number.NaN, c: { d: 1 }, e: "kept" } });
  await addMember(leader, "1", () => [odd, counter("c", 5)]);
  await leader.refresh(1_000);
  assert.deepEqual(valuesOf(leader.merge(NOTHING).scopeMetrics), { 'odd{b=NaN,c={"d":1},e=kept}': 1, c: 5 });
});
