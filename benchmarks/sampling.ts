// What a request costs by how its traces are sampled, interleaved; `node benchmarks/sampling.ts [--reps 5] [--apps http,express] [--routes users,proxy]`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startHelper } from "./lib/child.ts";
import { freePort } from "./lib/free-port.ts";
import { LOADS, type Bench, type Phase, type Plan, type ProcessResult, measureProcess } from "./lib/measure.ts";
import { nodeOnAppCore, pinHarness } from "./lib/pin.ts";
import { table } from "./lib/report.ts";
import { type Series, added, formatSpread, ratios, rotated, spread } from "./lib/statistics.ts";
import { ROOT, type Variant } from "./lib/variants.ts";
import type { SinkPorts } from "./load/sink.ts";

const { values } = parseArgs({
  options: {
    reps: { type: "string", default: "5" },
    apps: { type: "string", default: "http,express" },
    routes: { type: "string", default: "users,proxy" },
    /** What the decision alone costs, each case so many times. */
    "micro-reps": { type: "string", default: "5" },
  },
});
const PLAN: Plan = {
  routes: values.routes.split(","),
  connections: 32,
  warmUpRequests: 2500,
  ratePerSecond: 1200,
  fixedRequests: 3000,
  saturatedMs: 1200,
};

const RATIO = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" };
const KEEP = { REDTRAIL_SAMPLING_KEEP_ERRORS: "true", REDTRAIL_SAMPLING_KEEP_SLOW: "1000" };
const BASE = "base";
const ALWAYS_ON = "always sampled";
const ENVIRONMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [ALWAYS_ON]: {},
  "ratio 0.01": RATIO,
  "ratio 0.01, failed and slow ones kept": { ...RATIO, ...KEEP },
  "rule by route that drops none": { REDTRAIL_SAMPLING_RULES: "drop route=/healthz" },
};
const VARIANTS: readonly Variant[] = [
  { name: BASE, nodeArguments: [], environment: {} },
  ...Object.entries(ENVIRONMENTS).map(([name, environment]) => ({
    ...{ name, environment },
    nodeArguments: ["--require", join(ROOT, "dist/register.cjs")],
  })),
];

async function measureAll(apps: readonly string[], reps: number): Promise<ProcessResult[]> {
  const [sink, ports] = await startHelper(join(import.meta.dirname, "load/sink.ts"), true);
  const [generator] = await startHelper(join(import.meta.dirname, "load/generator.ts"), false);
  const { zipkinPort, backendPort } = ports as SinkPorts;
  const bench: Bench = { sink, generator, ports: { zipkinPort, prometheusPort: await freePort() }, backendPort };
  const results: ProcessResult[] = [];
  for (let repetition = 1; repetition <= reps; repetition++) {
    for (const app of apps) {
      for (const variant of rotated(VARIANTS, repetition)) {
        results.push(await measureProcess(bench, PLAN, app, variant, repetition));
      }
    }
    console.error(`bench: ${repetition}/${reps}`);
  }
  sink.disconnect();
  generator.disconnect();
  return results;
}

function rowsOf(results: readonly ProcessResult[], app: string, route: string): string[][] {
  return LOADS.flatMap((load) => {
    const read = (variant: string, value: (phase: Phase) => number): Series =>
      new Map(
        results
          .filter((result) => result.app === app && result.variant === variant)
          .map(({ repetition, phases }) => [
            repetition,
            value(phases.find((phase) => phase.route === route && phase.load === load) as Phase),
          ]),
      );
    const cpu = (variant: string): Series => read(variant, ({ cpuUsPerRequest }) => cpuUsPerRequest);
    const show = (values: Series, digits: number): string => formatSpread(spread([...values.values()]), digits);
    const addedBy = (variant: string): Series => added(cpu(variant), cpu(BASE));
    return VARIANTS.map(({ name }) => [
      ...[app, route, load, name, show(cpu(name), 0)],
      name === BASE ? "0" : show(addedBy(name), 1),
      name === BASE ? "0" : show(ratios(addedBy(name), addedBy(ALWAYS_ON)), 2),
      show(
        read(name, ({ spansPerRequest }) => spansPerRequest),
        2,
      ),
      show(
        read(name, ({ errors }) => errors),
        0,
      ),
    ]);
  });
}

const CASES = [
  "not sampled",
  "not sampled, kept if failed or slow",
  "sampled",
  "sampled, kept if failed or slow",
  "sampled, if its route is not dropped",
];

/** Nanoseconds of a request of three spans, each case in a process of its own. */
function microTable(reps: number): string {
  const runs = new Map<string, number[]>(CASES.map((name) => [name, []]));
  for (let repetition = 0; repetition < reps; repetition++) {
    for (const name of rotated(CASES, repetition)) {
      const [command, commandArguments] = nodeOnAppCore([join(import.meta.dirname, "micro/tail.ts"), name]);
      const { stdout, stderr } = spawnSync(command, commandArguments, { encoding: "utf8", timeout: 120_000 });
      const report = /@@(.*)@@/.exec(stdout)?.[1];
      if (report === undefined) throw new Error(`${name} failed: ${stderr.slice(0, 500)}`);
      runs.get(name)?.push((JSON.parse(report) as { ns: number }).ns);
    }
  }
  return table(
    ["case", "ns a request of three spans"],
    Array.from(runs, ([name, values]) => [name, formatSpread(spread(values), 0)]),
  );
}

const [reps, apps] = [Number(values.reps), values.apps.split(",")];
pinHarness();
const micro = microTable(Number(values["micro-reps"]));
console.log(micro);
const results = await measureAll(apps, reps);
const header = ["app", "route", "load", "sampling", "CPU us/request", "added us", "x always sampled", "spans/request"];
const rows = apps.flatMap((app) => PLAN.routes.flatMap((route) => rowsOf(results, app, route)));
console.log(table([...header, "errors"], rows));
