// Measures one process of one variant: warm-up, the fixed rate and saturation on each route, CPU and spans of each phase.
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { LoadOrder, LoadResult } from "../load/generator.ts";
import type { SinkCounts } from "../load/sink.ts";
import { ask, startApp, stopApp, type AppProcess, type Usage } from "./child.ts";
import { cleanEnvironment, exporterEnvironment, SCHEDULE_DELAY_MS, type Ports, type Variant } from "./variants.ts";

export const LOADS = ["fixed", "saturated"] as const;
export type Load = (typeof LOADS)[number];

export interface Plan {
  readonly routes: readonly string[];
  readonly connections: number;
  readonly warmUpRequests: number;
  readonly ratePerSecond: number;
  readonly fixedRequests: number;
  readonly saturatedMs: number;
}

export interface Bench {
  readonly sink: ChildProcess;
  readonly generator: ChildProcess;
  readonly ports: Ports;
  readonly backendPort: number;
}

export interface Phase extends LoadResult {
  readonly route: string;
  readonly load: Load;
  readonly cpuUsPerRequest: number;
  readonly spansPerRequest: number;
}

export interface ProcessResult {
  readonly app: string;
  readonly variant: string;
  readonly repetition: number;
  readonly idleRssBytes: number;
  /** After the warm-up and the fixed rate of every route: the same number of requests in every variant. */
  readonly rssBytes: number;
  readonly phases: readonly Phase[];
}

/** Long enough for the last batch of spans to be sent: its cost belongs to the phase, and its spans are counted in it. */
const SETTLE_MS = SCHEDULE_DELAY_MS + 100;
const START_SETTLE_MS = 300;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

interface Target {
  readonly bench: Bench;
  readonly app: AppProcess;
  readonly plan: Plan;
}

const usageOf = async (app: AppProcess): Promise<Usage> => (await ask(app.child, "usage")) as Usage;

async function send({ bench, app, plan }: Target, route: string, order: Partial<LoadOrder>): Promise<LoadResult> {
  const base = { port: app.port, path: `/${route}/`, connections: plan.connections };
  const limits = { ratePerSecond: 0, requests: NO_LIMIT, durationMs: 30_000 };
  const answer = (await ask(bench.generator, { ...base, ...limits, ...order })) as LoadResult | { error: string };
  if ("error" in answer) throw new Error(answer.error);
  await wait(SETTLE_MS);
  return answer;
}

async function phase(target: Target, route: string, load: Load): Promise<Phase> {
  const { plan } = target;
  const fixed = {
    ratePerSecond: plan.ratePerSecond,
    requests: plan.fixedRequests,
    durationMs: (plan.fixedRequests / plan.ratePerSecond) * 1000,
  };
  await ask(target.bench.sink, "counts");
  const before = await usageOf(target.app);
  const result = await send(target, route, load === "fixed" ? fixed : { durationMs: plan.saturatedMs });
  const after = await usageOf(target.app);
  const counts = (await ask(target.bench.sink, "counts")) as SinkCounts;
  return {
    ...result,
    route,
    load,
    cpuUsPerRequest: (after.cpuUs - before.cpuUs) / result.requests,
    spansPerRequest: counts.spans / result.requests,
  };
}

async function measureApp(target: Target): Promise<Omit<ProcessResult, "app" | "variant" | "repetition">> {
  const { app, plan } = target;
  await wait(START_SETTLE_MS);
  const idle = await usageOf(app);
  const phases: Phase[] = [];
  for (const route of plan.routes) {
    await send(target, route, { requests: plan.warmUpRequests });
    phases.push(await phase(target, route, "fixed"));
  }
  const { rssBytes } = await usageOf(app);
  for (const route of plan.routes) phases.push(await phase(target, route, "saturated"));
  return { idleRssBytes: idle.rssBytes, rssBytes, phases };
}

export async function measureProcess(
  bench: Bench,
  plan: Plan,
  appName: string,
  variant: Variant,
  repetition: number,
): Promise<ProcessResult> {
  const file = join(import.meta.dirname, "../apps", `${appName}.cjs`);
  const app = await startApp([...variant.nodeArguments, file], {
    ...cleanEnvironment(),
    ...exporterEnvironment(bench.ports),
    ...variant.environment,
    BACKEND_PORT: String(bench.backendPort),
  });
  try {
    const measured = await measureApp({ bench, app, plan });
    return { app: appName, variant: variant.name, repetition, ...measured };
  } catch (error) {
    throw new Error(`${appName} under ${variant.name} failed; its stderr: ${app.stderr() || "empty"}`, {
      cause: error,
    });
  } finally {
    await stopApp(app);
  }
}
