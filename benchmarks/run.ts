// `npm run bench`: CPU added per request and start-up added by redtrail, interleaved with upstream and with a bare app.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { readOptions, type Options } from "./lib/options.ts";
import { startHelper } from "./lib/child.ts";
import { freePort } from "./lib/free-port.ts";
import { measureProcess, type Bench, type ProcessResult } from "./lib/measure.ts";
import { pinHarness, pinned } from "./lib/pin.ts";
import { INVALID, requestReport, type Measured } from "./lib/report.ts";
import { rotated } from "./lib/statistics.ts";
import { installUpstream, upstreamVersion } from "./lib/upstream.ts";
import { chooseVariants, ROOT, type Variant } from "./lib/variants.ts";
import type { SinkPorts } from "./load/sink.ts";
import { metricsReport } from "./metrics.ts";
import { startupReport } from "./startup.ts";

async function startBench(): Promise<Bench> {
  const [sink, ports] = await startHelper(join(import.meta.dirname, "load/sink.ts"), true);
  const [generator] = await startHelper(join(import.meta.dirname, "load/generator.ts"), false);
  const { zipkinPort, backendPort } = ports as SinkPorts;
  return { sink, generator, ports: { zipkinPort, prometheusPort: await freePort() }, backendPort };
}

function describe(result: ProcessResult): string {
  const phases = result.phases.map(
    ({ route, load, cpuUsPerRequest, spansPerRequest, errors }) =>
      `${route} ${load} ${cpuUsPerRequest.toFixed(0)} us, ${spansPerRequest.toFixed(1)} spans, ${errors} errors`,
  );
  return `${result.app} ${result.variant}: ${phases.join("; ")}`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause ? `${error.message} (${messageOf(error.cause)})` : error.message;
}

/** Every repetition runs every variant of every app once, so that the machine's mood is shared by all of them. */
async function measureAll(options: Options, variants: readonly Variant[]): Promise<ProcessResult[]> {
  const bench = await startBench();
  const results: ProcessResult[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const app of options.apps) {
      for (const variant of rotated(variants, repetition)) {
        try {
          const result = await measureProcess(bench, options.plan, app, variant, repetition);
          results.push(result);
          console.error(`bench: ${repetition}/${options.repetitions} ${describe(result)}`);
        } catch (error) {
          console.error(`bench: ${repetition}/${options.repetitions} FAILED: ${messageOf(error)}`);
        }
      }
    }
  }
  bench.sink.disconnect();
  bench.generator.disconnect();
  return results;
}

/** Which redtrail was measured: its version and commit. */
function revision(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const git = spawnSync("git", ["describe", "--always", "--dirty"], { cwd: ROOT, encoding: "utf8" });
  return git.status === 0 ? `${version} (${git.stdout.trim()})` : version;
}

function heading({ repetitions, startupRepetitions, plan }: Options): string {
  const where = pinned ? "the app on core 0, everything else on core 1" : "not pinned";
  return [
    "# Benchmark results",
    `Made by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}; what is measured and how: README.md beside this file.`,
    `- Machine: ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Linux ${release()}, Node ${process.version}; ${where}; load average before the run ${busyBefore}.`,
    `- redtrail ${revision()}; upstream: ${upstreamVersion()}, zipkin + prometheus, every span sampled.`,
    `- ${repetitions} interleaved repetitions (start-up: ${startupRepetitions}); cells are min / median / max.`,
    `- Fixed: ${plan.fixedRequests} requests at ${plan.ratePerSecond}/s; saturated: ${plan.saturatedMs} ms, ${plan.connections} connections; ${plan.warmUpRequests} requests of warm-up for each route.`,
    "- added = variant - base of the same repetition; x upstream = added / upstream's added of the same repetition.",
  ].join("\n");
}

const options = readOptions(process.argv.slice(2));
installUpstream(ROOT);
const variants = chooseVariants(options.variants);
const busyBefore = loadavg()[0]?.toFixed(2) ?? "unknown";
pinHarness();
const results = await measureAll(options, variants);
const measured: Measured = {
  apps: options.apps,
  routes: options.plan.routes,
  variants: variants.map(({ name }) => name),
  repetitions: options.repetitions,
  ratePerSecond: options.plan.ratePerSecond,
  results,
};
const startup = await startupReport(variants, options.startupRepetitions);
const metrics = metricsReport(Math.min(options.repetitions, 5));
const report = `${heading(options)}\n\n${requestReport(measured)}\n\n${startup}\n\n${metrics}\n`;
console.log(report);
writeFileSync(join(ROOT, ".bench/last.json"), JSON.stringify({ options, results }, undefined, 1));
if (options.write) writeFileSync(join(import.meta.dirname, "results.md"), report);
if (report.includes(INVALID)) {
  console.error("bench: some rows are invalid, see the tables");
  process.exitCode = 1;
}
