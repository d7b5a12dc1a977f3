// What is measured: the Node arguments and the environment of each variant, the same exporters and sampler for all.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { registerOfUpstream } from "./upstream.ts";

export interface Variant {
  readonly name: string;
  readonly nodeArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export const BASE = "base";
export const UPSTREAM = "upstream";
const VARIANT_NAMES: readonly string[] = [BASE, "redtrail", "redtrail-node-sdk", UPSTREAM];
export const DEFAULT_VARIANTS: readonly string[] = [BASE, "redtrail", UPSTREAM];

export const ROOT: string = join(import.meta.dirname, "../..");
const REDTRAIL_REGISTER = join(ROOT, "dist/register.cjs");

/** After this time a last, partly filled batch of spans is sent; the harness waits a little longer before it reads the CPU. */
export const SCHEDULE_DELAY_MS = 500;

export interface Ports {
  readonly zipkinPort: number;
  readonly prometheusPort: number;
}

export function exporterEnvironment(ports: Ports): Record<string, string> {
  return {
    OTEL_SERVICE_NAME: "bench",
    OTEL_TRACES_EXPORTER: "zipkin",
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `http://127.0.0.1:${ports.zipkinPort}/api/v2/spans`,
    OTEL_METRICS_EXPORTER: "prometheus",
    OTEL_EXPORTER_PROMETHEUS_HOST: "127.0.0.1",
    OTEL_EXPORTER_PROMETHEUS_PORT: String(ports.prometheusPort),
    OTEL_LOGS_EXPORTER: "none",
    // At the fixed rate a batch of 512 spans is full sooner than this, so it changes only how long the harness has to wait.
    OTEL_BSP_SCHEDULE_DELAY: String(SCHEDULE_DELAY_MS),
    // Upstream's default asks the metadata addresses of four clouds; nobody's CPU is measured with that.
    OTEL_NODE_RESOURCE_DETECTORS: "env,host,os,process,serviceinstance",
  };
}

function variantNamed(name: string): Variant | undefined {
  if (name === BASE) return { name, nodeArguments: [], environment: {} };
  if (name === UPSTREAM) return { name, nodeArguments: ["--require", registerOfUpstream(ROOT)], environment: {} };
  if (!existsSync(REDTRAIL_REGISTER)) {
    console.error(`bench: dist/register.cjs is missing, so "${name}" is left out; run npm run build first`);
    return undefined;
  }
  const engine = name === "redtrail-node-sdk" ? "node-sdk" : "native";
  return { name, nodeArguments: ["--require", REDTRAIL_REGISTER], environment: { REDTRAIL_ENGINE: engine } };
}

export function chooseVariants(names: readonly string[]): Variant[] {
  for (const name of names) {
    if (!VARIANT_NAMES.includes(name)) throw new Error(`no variant "${name}"; there are ${VARIANT_NAMES.join(", ")}`);
  }
  // Without these two nothing can be subtracted or divided.
  const needed = [...new Set([BASE, ...names, UPSTREAM])];
  return needed.map(variantNamed).filter((variant) => variant !== undefined);
}

/** The environment without anything that configures a tracer, Node, or npm, so that only the variant's own settings count. */
export function cleanEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(OTEL_|REDTRAIL_|NODE_|npm_|INIT_CWD)/.test(name)) kept[name] = value;
  }
  return { ...kept, NODE_ENV: "production" };
}
