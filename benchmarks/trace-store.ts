// What shared storage costs a request, interleaved with redtrail without it; `node benchmarks/trace-store.ts [--reps 7]`. Needs redis-server.
//
// Every request brings an id and no trace. `write`: one SET each, the ordinary case of a service that has its callers' traces; `join`: each
// is held until Redis has said that it knows nothing of it, which is the worst case. Redis is on the harness's core.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startOwnRedis } from "../test/support/own-redis.ts";
import { startHelper } from "./lib/child.ts";
import { freePort } from "./lib/free-port.ts";
import { type Bench, measureProcess } from "./lib/measure.ts";
import { pinHarness } from "./lib/pin.ts";
import { table } from "./lib/report.ts";
import { type Series, added, formatSpread, ratios, rotated, spread } from "./lib/statistics.ts";
import { ROOT, type Variant } from "./lib/variants.ts";
import type { SinkPorts } from "./load/sink.ts";

const PLAN = {
  routes: ["users"],
  connections: 32,
  warmUpRequests: 5_000,
  ratePerSecond: 1_200,
  fixedRequests: 3_000,
  saturatedMs: 2_000,
};
const LOADS = ["fixed", "saturated"] as const;
const OFF = "redtrail";

const { values } = parseArgs({ options: { reps: { type: "string", default: "7" } } });
const reps = Number(values.reps);
pinHarness();
const redis = await startOwnRedis({ port: await freePort() });
const [sink, ports] = await startHelper(join(import.meta.dirname, "load/sink.ts"), true);
const [generator] = await startHelper(join(import.meta.dirname, "load/generator.ts"), false);
const { zipkinPort, backendPort } = ports as SinkPorts;
const bench: Bench = { sink, generator, ports: { zipkinPort, prometheusPort: await freePort() }, backendPort };

const preload = ["--require", join(ROOT, "dist/register.cjs")];
const store = { REDTRAIL_TRACE_STORE_URL: redis.url };
const write = { ...store, REDTRAIL_TRACE_STORE_MODE: "write" };
const variants: readonly Variant[] = [
  { name: "base", nodeArguments: [], environment: {} },
  { name: OFF, nodeArguments: preload, environment: {} },
  { name: "write", nodeArguments: preload, environment: write },
  { name: "write, with a secret", nodeArguments: preload, environment: { ...write, REDTRAIL_TRACE_STORE_SECRET: "s" } },
  { name: "join", nodeArguments: preload, environment: store },
];

/** By load and variant: CPU of the whole process in each repetition, µs a request. */
const cpu = new Map<string, Map<number, number>>();
for (let repetition = 1; repetition <= reps; repetition++) {
  for (const variant of rotated(variants, repetition)) {
    const { phases } = await measureProcess(bench, PLAN, "http", variant, repetition);
    for (const { load, cpuUsPerRequest, errors } of phases) {
      if (errors > 0) throw new Error(`${variant.name}: ${errors} errors`);
      const key = `${load} ${variant.name}`;
      cpu.set(key, (cpu.get(key) ?? new Map<number, number>()).set(repetition, cpuUsPerRequest));
    }
  }
  console.error(`bench: ${repetition}/${reps}`);
}
sink.disconnect();
generator.disconnect();
const written = redis.cli("DBSIZE");
await redis.kill();

const seriesOf = (load: string, name: string): Series => cpu.get(`${load} ${name}`) ?? new Map();
const cells = (series: Series, digits: number): string => formatSpread(spread([...series.values()]), digits);
const rows = LOADS.flatMap((load) =>
  variants.map(({ name }) => {
    const series = seriesOf(load, name);
    const ofRedtrail = ratios(
      added(series, seriesOf(load, "base")),
      added(seriesOf(load, OFF), seriesOf(load, "base")),
    );
    return [`${load}, ${name}`, cells(series, 0), cells(added(series, seriesOf(load, OFF)), 1), cells(ofRedtrail, 2)];
  }),
);
console.log(
  [
    "## Shared storage",
    `${reps} interleaved repetitions; CPU of the whole process, µs a request, min / median / max. ${written} traces were written.`,
    table(["load, variant", "µs a request", "above redtrail without", "x what redtrail adds"], rows),
  ].join("\n\n"),
);
