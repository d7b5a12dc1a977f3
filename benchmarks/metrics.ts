// What counting a request and answering a scrape cost, interleaved with the peers; `node benchmarks/metrics.ts [--reps 5]`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeOnAppCore, pinHarness } from "./lib/pin.ts";
import { INVALID, table } from "./lib/report.ts";
import { formatSpread, rotated, spread } from "./lib/statistics.ts";
import { installUpstream } from "./lib/upstream.ts";
import { ROOT } from "./lib/variants.ts";
import type { ScrapeResult } from "./micro/scrape.ts";

const SCRAPE_CASES = [
  "redtrail, text 0.0.4",
  "redtrail, OpenMetrics, an exemplar in each bucket",
  "redtrail, protobuf, exemplars and native histograms",
  "upstream",
  "prom-client",
];
const RECORD_CASES = [
  "redtrail",
  "redtrail, not sampled",
  "redtrail, http.server.request.duration alone",
  "upstream histogram",
  "prom-client histogram",
];
/** 17 lines each. */
const SCRAPED_SERIES = 600;
const RECORDED_SERIES = [20, 1_000];
/** Room for all that one scrape allocates, so that no collection falls into it. */
const SCRAPE_ARGUMENTS = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];

type Runs<Result> = ReadonlyMap<string, readonly Result[]>;

function runOnce<Result>(file: string, nodeArguments: readonly string[], args: readonly string[]): Result | undefined {
  const script = join(import.meta.dirname, "micro", file);
  const [command, commandArguments] = nodeOnAppCore([...nodeArguments, script, ...args]);
  const env = { ...process.env, BENCH_PEER: join(ROOT, ".bench/upstream/package.json") };
  const { stdout, stderr } = spawnSync(command, commandArguments, { env, encoding: "utf8", timeout: 120_000 });
  const report = /@@(.*)@@/.exec(stdout)?.[1];
  if (report === undefined) console.error(`bench: ${file} ${args.join(" ")} failed: ${stderr.slice(0, 500)}`);
  return report === undefined ? undefined : (JSON.parse(report) as Result);
}

function measure<Result>(
  file: string,
  nodeArguments: readonly string[],
  cases: readonly string[],
  reps: number,
  series: number,
): Runs<Result> {
  const runs = new Map<string, Result[]>(cases.map((name) => [name, []]));
  for (let repetition = 0; repetition < reps; repetition++) {
    for (const name of rotated(cases, repetition)) {
      const result = runOnce<Result>(file, nodeArguments, [name, String(series)]);
      if (result !== undefined) runs.get(name)?.push(result);
    }
  }
  return runs;
}

function show<Result>(
  runs: Runs<Result>,
  name: string,
  digits: number,
  read: (result: Result) => number,
  share = false,
): string {
  const own = runs.get(name)?.map(read) ?? [];
  const upstream = runs.get(share ? (runs.has("upstream") ? "upstream" : "upstream histogram") : name)?.map(read) ?? [];
  const values = share ? own.map((value, index) => value / (upstream[index] ?? Number.NaN)) : own;
  return formatSpread(spread(values), digits);
}

function named<Result>(runs: Runs<Result>, name: string, reps: number): string {
  const failed = reps - (runs.get(name)?.length ?? 0);
  return failed === 0 ? name : `${name} **${INVALID}: ${failed} repetitions failed**`;
}

export function metricsReport(reps: number): string {
  console.error(`bench: scrapes and recordings, ${reps} repetitions`);
  const scrapes = measure<ScrapeResult>("scrape.ts", SCRAPE_ARGUMENTS, SCRAPE_CASES, reps, SCRAPED_SERIES);
  const scrapeRows = SCRAPE_CASES.map((name) => [
    named(scrapes, name, reps),
    show(scrapes, name, 0, ({ lines }) => lines),
    show(scrapes, name, 1, ({ ms }) => ms),
    show(scrapes, name, 3, ({ ms }) => ms, true),
    show(scrapes, name, 2, ({ garbageMb }) => garbageMb),
    show(scrapes, name, 3, ({ garbageMb }) => garbageMb, true),
    show(scrapes, name, 1, ({ stallMs }) => stallMs),
    show(scrapes, name, 1, ({ firstMs }) => firstMs),
  ]);
  const recordRows = RECORDED_SERIES.flatMap((series) => {
    const runs = measure<{ ns: number }>("record.ts", [], RECORD_CASES, reps, series);
    return RECORD_CASES.map((name) => [
      named(runs, name, reps),
      String(series),
      show(runs, name, 0, ({ ns }) => ns),
      show(runs, name, 3, ({ ns }) => ns, true),
    ]);
  });
  return [
    "## Metrics",
    `### One warm scrape of ${SCRAPED_SERIES} histograms (targets: time and garbage at most 0.1x upstream, no stall above 5 ms)`,
    table(
      ["case", "lines", "ms", "x upstream", "garbage MB", "x upstream", "longest stall ms", "first ms"],
      scrapeRows,
    ),
    "### Counting one request (target: 200 ns)",
    table(["case", "series", "ns", "x upstream"], recordRows),
  ].join("\n\n");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { reps: { type: "string", default: "5" } } });
  installUpstream(ROOT);
  pinHarness();
  console.log(metricsReport(Number(values.reps)));
}
