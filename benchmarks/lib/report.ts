// Turns measured processes into Markdown: one table for each app and route, memory, and the summary against the targets.
import { LOADS, type Load, type Phase, type ProcessResult } from "./measure.ts";
import { added, formatSpread, ratios, spread, type Series } from "./statistics.ts";
import { BASE, UPSTREAM } from "./variants.ts";

export interface Measured {
  readonly apps: readonly string[];
  readonly routes: readonly string[];
  readonly variants: readonly string[];
  readonly repetitions: number;
  readonly ratePerSecond: number;
  readonly results: readonly ProcessResult[];
}

/** At most this share of what upstream adds, per request. */
const TARGETS: Readonly<Record<string, number>> = { http: 0.35, express: 0.25 };
const TITLES: Readonly<Record<string, string>> = {
  http: "Plain node:http",
  express: "Express 5",
  fastify: "Fastify 5",
};

interface Cell {
  readonly app: string;
  readonly route: string;
  readonly load: Load;
}

/** Marks what must not be believed, in a row's name or as its verdict. */
export const INVALID = "INVALID";

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function phasesOf({ results }: Measured, { app, route, load }: Cell, variant: string): Map<number, Phase> {
  const phases = new Map<number, Phase>();
  for (const result of results) {
    if (result.app !== app || result.variant !== variant) continue;
    const phase = result.phases.find((each) => each.route === route && each.load === load);
    if (phase) phases.set(result.repetition, phase);
  }
  return phases;
}

function series(phases: ReadonlyMap<number, Phase>, read: (phase: Phase) => number): Series {
  return new Map([...phases].map(([repetition, phase]) => [repetition, read(phase)]));
}

function addedCpu(measured: Measured, cell: Cell, variant: string): Series {
  const cpu = (name: string): Series => series(phasesOf(measured, cell, name), (phase) => phase.cpuUsPerRequest);
  return added(cpu(variant), cpu(BASE));
}

function ratioToUpstream(measured: Measured, cell: Cell, variant: string): Series {
  return ratios(addedCpu(measured, cell, variant), addedCpu(measured, cell, UPSTREAM));
}

/** Why a row must not be believed, or undefined. */
function fault(measured: Measured, variant: string, phases: ReadonlyMap<number, Phase>): string | undefined {
  const all = [...phases.values()];
  const errors = all.reduce((sum, phase) => sum + phase.errors, 0);
  if (errors > 0) return `${errors} errors`;
  if (all.length < measured.repetitions) return `${measured.repetitions - all.length} repetitions failed`;
  if (variant !== BASE && all.some((phase) => phase.spansPerRequest === 0)) return "no spans arrived";
  return undefined;
}

const show = (values: Series, digits: number): string => formatSpread(spread([...values.values()]), digits);
const loadName = ({ ratePerSecond }: Measured, load: Load): string =>
  load === "fixed" ? `${ratePerSecond.toLocaleString("en-US")}/s` : "saturated";

function row(measured: Measured, cell: Cell, variant: string): string[] {
  const phases = phasesOf(measured, cell, variant);
  const problem = fault(measured, variant, phases);
  const values = (read: (phase: Phase) => number): Series => series(phases, read);
  const isBase = variant === BASE;
  return [
    problem ? `${variant} **${INVALID}: ${problem}**` : variant,
    loadName(measured, cell.load),
    show(
      values((phase) => phase.cpuUsPerRequest),
      0,
    ),
    isBase ? "0" : show(addedCpu(measured, cell, variant), 0),
    isBase ? "0" : show(ratioToUpstream(measured, cell, variant), 2),
    show(
      values((phase) => phase.requestsPerSecond),
      0,
    ),
    show(
      values((phase) => phase.p99Ms),
      1,
    ),
    show(
      values((phase) => phase.spansPerRequest),
      2,
    ),
    String([...phases.values()].reduce((sum, phase) => sum + phase.errors, 0)),
  ];
}

function requestTable(measured: Measured, app: string, route: string): string {
  const rows = LOADS.flatMap((load) =>
    measured.variants.map((variant) => row(measured, { app, route, load }, variant)),
  );
  const header = ["variant", "load", "CPU us/request", "added us", "x upstream", "requests/s", "p99 ms"];
  return `### ${TITLES[app]}, \`/${route}/:id\`\n\n${table([...header, "spans/request", "errors"], rows)}`;
}

function memoryTable(measured: Measured): string {
  const rows = measured.apps.flatMap((app) => {
    const rss = (variant: string, read: (result: ProcessResult) => number): Series => {
      const matching = measured.results.filter((result) => result.app === app && result.variant === variant);
      return new Map(matching.map((result) => [result.repetition, read(result) / 1e6]));
    };
    const after = (result: ProcessResult): number => result.rssBytes;
    return measured.variants.map((variant) => [
      app,
      variant,
      show(
        rss(variant, (result) => result.idleRssBytes),
        0,
      ),
      show(rss(variant, after), 0),
      show(added(rss(variant, after), rss(BASE, after)), 0),
    ]);
  });
  return table(["app", "variant", "RSS idle MB", "RSS after the fixed rate MB", "added MB"], rows);
}

function summaryTable(measured: Measured): string {
  const ours = measured.variants.filter((variant) => variant !== BASE && variant !== UPSTREAM);
  const rows = ours.flatMap((variant) =>
    measured.apps.flatMap((app) =>
      measured.routes.flatMap((route) => LOADS.map((load) => summaryRow(measured, { app, route, load }, variant))),
    ),
  );
  if (rows.length === 0) return "No variant of redtrail was measured.";
  return table(["variant", "app", "route", "load", "x upstream", "target", "median meets it"], rows);
}

function summaryRow(measured: Measured, cell: Cell, variant: string): string[] {
  const target = TARGETS[cell.app] ?? Number.NaN;
  const ratio = spread([...ratioToUpstream(measured, cell, variant).values()]);
  const invalid = [variant, BASE, UPSTREAM].some((name) => fault(measured, name, phasesOf(measured, cell, name)));
  const verdict = invalid || !ratio ? INVALID : ratio.median <= target ? "yes" : "**no**";
  const load = loadName(measured, cell.load);
  return [variant, cell.app, cell.route, load, formatSpread(ratio, 2), `<= ${target}`, verdict];
}

export function requestReport(measured: Measured): string {
  const tables = measured.apps.flatMap((app) => measured.routes.map((route) => requestTable(measured, app, route)));
  return [
    `## CPU added per request, as a share of what upstream adds\n\n${summaryTable(measured)}`,
    `## Requests\n\n${tables.join("\n\n")}`,
    `## Memory\n\n${memoryTable(measured)}`,
  ].join("\n\n");
}
