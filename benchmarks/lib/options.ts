// The command line of `npm run bench -- ...`; the defaults make a run of about seven minutes.
import { parseArgs } from "node:util";
import type { Plan } from "./measure.ts";
import { DEFAULT_VARIANTS } from "./variants.ts";

export interface Options {
  readonly apps: readonly string[];
  readonly variants: readonly string[];
  readonly repetitions: number;
  readonly startupRepetitions: number;
  /** Whether benchmarks/results.md is replaced. */
  readonly write: boolean;
  readonly plan: Plan;
}

const DEFAULT_APPS = ["http", "express"];
const APPS = [...DEFAULT_APPS, "fastify"];
const ROUTES = ["users", "proxy"];
const MIN_PUBLISHED_REPETITIONS = 3;

function listOf(name: string, given: string, known: readonly string[]): string[] {
  const items = given.split(",");
  const unknown = items.find((item) => !known.includes(item));
  if (unknown !== undefined) throw new Error(`--${name}: no "${unknown}"; there are ${known.join(", ")}`);
  return items;
}

function countOf(name: string, given: string): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name}="${given}" is not a whole number above 0`);
  return count;
}

export function readOptions(commandLine: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      quick: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      apps: { type: "string", default: DEFAULT_APPS.join(",") },
      routes: { type: "string", default: ROUTES.join(",") },
      variants: { type: "string", default: DEFAULT_VARIANTS.join(",") },
      reps: { type: "string" },
      "startup-reps": { type: "string" },
      rate: { type: "string", default: "1200" },
    },
  });
  const { quick } = values;
  const repetitions = countOf("reps", values.reps ?? (quick ? "1" : "5"));
  if (values.write && (quick || repetitions < MIN_PUBLISHED_REPETITIONS)) {
    throw new Error(`--write needs at least ${MIN_PUBLISHED_REPETITIONS} repetitions and no --quick`);
  }
  return {
    apps: listOf("apps", values.apps, APPS),
    variants: values.variants.split(","),
    repetitions,
    startupRepetitions: countOf("startup-reps", values["startup-reps"] ?? (quick ? "3" : "10")),
    write: values.write,
    plan: {
      routes: listOf("routes", values.routes, ROUTES),
      connections: 32,
      warmUpRequests: quick ? 1000 : 2500,
      ratePerSecond: countOf("rate", values.rate),
      fixedRequests: quick ? 1500 : 3000,
      saturatedMs: quick ? 600 : 1200,
    },
  };
}
