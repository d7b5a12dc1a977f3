// What a span costs on its way to Zipkin, interleaved with upstream's exporter; `node benchmarks/delivery.ts [--reps 7]`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startHelper } from "./lib/child.ts";
import { nodeOnAppCore, pinHarness } from "./lib/pin.ts";
import { INVALID, table } from "./lib/report.ts";
import { formatSpread, rotated, spread } from "./lib/statistics.ts";
import { installUpstream } from "./lib/upstream.ts";
import { ROOT } from "./lib/variants.ts";
import type { SinkPorts } from "./load/sink.ts";

const CASES = ["redtrail, encode alone", "redtrail", "upstream", "no export"];
const SCRIPT = join(import.meta.dirname, "micro/zipkin.ts");

function runOnce(name: string, zipkinPort: number): number | undefined {
  const [command, commandArguments] = nodeOnAppCore([SCRIPT, name]);
  const env = {
    ...process.env,
    BENCH_PEER: join(ROOT, ".bench/upstream/package.json"),
    BENCH_ZIPKIN: `http://127.0.0.1:${zipkinPort}/api/v2/spans`,
  };
  const { stdout, stderr } = spawnSync(command, commandArguments, { env, encoding: "utf8", timeout: 120_000 });
  const report = /@@(.*)@@/.exec(stdout)?.[1];
  if (report === undefined) console.error(`bench: zipkin ${name} failed: ${stderr.slice(0, 500)}`);
  return report === undefined ? undefined : (JSON.parse(report) as { us: number }).us;
}

async function deliveryReport(reps: number): Promise<string> {
  const [sink, ports] = await startHelper(join(import.meta.dirname, "load/sink.ts"), true);
  const { zipkinPort } = ports as SinkPorts;
  const runs = new Map<string, (number | undefined)[]>(CASES.map((name) => [name, []]));
  for (let repetition = 0; repetition < reps; repetition++) {
    for (const name of rotated(CASES, repetition)) runs.get(name)?.push(runOnce(name, zipkinPort));
    console.error(`bench: ${repetition + 1}/${reps}`);
  }
  sink.disconnect();
  const valuesOf = (name: string): (number | undefined)[] => runs.get(name) ?? [];
  const rows = CASES.map((name) => {
    const values = valuesOf(name).filter((value) => value !== undefined);
    const shares = rotatedShares(name);
    const failed = reps - values.length;
    const title = failed === 0 ? name : `${name} **${INVALID}: ${failed} repetitions failed**`;
    return [title, formatSpread(spread(values), 2), formatSpread(spread(shares), 3)];
  });

  /** A repetition's runs lie in another order each time, but side by side: the order of the list is that of the repetitions. */
  function rotatedShares(name: string): number[] {
    const upstream = valuesOf("upstream");
    return valuesOf(name)
      .map((value, index) => (value ?? Number.NaN) / (upstream[index] ?? Number.NaN))
      .filter((share) => !Number.isNaN(share));
  }
  return [
    "## Delivery to Zipkin",
    `512 spans a request, to a sink on loopback; ${reps} interleaved repetitions. CPU of the whole process, µs a span (targets: encode 3, end to end 0.5x upstream).`,
    table(["case", "µs a span", "x upstream"], rows),
  ].join("\n\n");
}

const { values } = parseArgs({ options: { reps: { type: "string", default: "7" } } });
installUpstream(ROOT);
pinHarness();
console.log(await deliveryReport(Number(values.reps)));
