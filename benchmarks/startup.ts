// Start-up: the time from spawn to the first line of user code, interleaved; `node benchmarks/startup.ts [--reps 10]`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "./lib/free-port.ts";
import { nodeOnAppCore, pinHarness } from "./lib/pin.ts";
import { INVALID, table } from "./lib/report.ts";
import { added, formatSpread, ratios, rotated, spread, type Series } from "./lib/statistics.ts";
import { installUpstream } from "./lib/upstream.ts";
import * as variants from "./lib/variants.ts";

interface Start {
  readonly ms: number;
  readonly rssBytes: number;
  readonly files: number;
}

interface UserCode {
  readonly title: string;
  readonly require: string;
}

const USER_CODES: readonly UserCode[] = [
  { title: "empty app", require: "" },
  { title: "app that requires express", require: join(variants.ROOT, "node_modules/express") },
];
const USER_FILE = join(import.meta.dirname, "apps/startup.cjs");
/** At most this share of what upstream adds. */
const TARGET = 0.25;

function startOnce(variant: variants.Variant, code: UserCode, ports: variants.Ports): Start | undefined {
  const [command, commandArguments] = nodeOnAppCore([...variant.nodeArguments, USER_FILE]);
  const environment = { ...variants.cleanEnvironment(), ...variants.exporterEnvironment(ports) };
  const spawnedAt = String(process.hrtime.bigint());
  const { stdout, stderr } = spawnSync(command, commandArguments, {
    env: { ...environment, ...variant.environment, BENCH_REQUIRE: code.require, BENCH_SPAWNED_AT: spawnedAt },
    encoding: "utf8",
    timeout: 20_000,
  });
  const report = /@@(.*)@@/.exec(stdout)?.[1];
  if (!report) {
    console.error(`bench: ${variant.name} did not reach the user code; its stderr: ${stderr.slice(0, 500) || "empty"}`);
    return undefined;
  }
  return JSON.parse(report) as Start;
}

/** All starts of one user code, by variant. The first round warms the disk cache and is not counted. */
function measure(chosen: readonly variants.Variant[], code: UserCode, reps: number, ports: variants.Ports): Runs {
  const runs = new Map(chosen.map((variant) => [variant.name, new Map<number, Start>()]));
  for (let repetition = 0; repetition <= reps; repetition++) {
    for (const variant of rotated(chosen, repetition)) {
      const start = startOnce(variant, code, ports);
      if (repetition > 0 && start) runs.get(variant.name)?.set(repetition, start);
    }
  }
  return runs;
}

type Runs = ReadonlyMap<string, ReadonlyMap<number, Start>>;

function series(runs: Runs, variant: string, read: (start: Start) => number): Series {
  return new Map([...(runs.get(variant) ?? [])].map(([repetition, start]) => [repetition, read(start)]));
}

const show = (values: Series, digits: number): string => formatSpread(spread([...values.values()]), digits);

function tableOf(runs: Runs, reps: number): string {
  const ms = (variant: string): Series => series(runs, variant, (start) => start.ms);
  const addedMs = (variant: string): Series => added(ms(variant), ms(variants.BASE));
  const rows = [...runs.keys()].map((variant) => {
    const ratio = ratios(addedMs(variant), addedMs(variants.UPSTREAM));
    const isBase = variant === variants.BASE;
    const rss = series(runs, variant, (start) => start.rssBytes / 1e6);
    const files = series(runs, variant, (start) => start.files);
    const median = spread([...files.values()])?.median ?? 0;
    const failed = reps - (runs.get(variant)?.size ?? 0);
    const name = failed > 0 ? `${variant} **${INVALID}: ${failed} repetitions failed**` : variant;
    const cells = [name, show(ms(variant), 0), isBase ? "0" : show(addedMs(variant), 0)];
    return [...cells, isBase ? "0" : show(ratio, 2), show(rss, 0), String(median)];
  });
  return table(["variant", "ms", "added ms", "x upstream", "RSS MB", "CommonJS files"], rows);
}

export async function startupReport(chosen: readonly variants.Variant[], reps: number): Promise<string> {
  const closedPort = await freePort();
  const ports = { zipkinPort: closedPort, prometheusPort: await freePort() };
  const tables = USER_CODES.map((code) => {
    console.error(`bench: start-up, ${code.title}, ${reps} repetitions`);
    return `### ${code.title}\n\n${tableOf(measure(chosen, code, reps, ports), reps)}`;
  });
  const heading = `## Start-up: spawn to the first line of user code (target: added <= ${TARGET}x upstream)`;
  return [heading, ...tables].join("\n\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      reps: { type: "string", default: "10" },
      variants: { type: "string", default: variants.DEFAULT_VARIANTS.join(",") },
    },
  });
  installUpstream(variants.ROOT);
  pinHarness();
  console.log(await startupReport(variants.chooseVariants(values.variants.split(",")), Number(values.reps)));
}
