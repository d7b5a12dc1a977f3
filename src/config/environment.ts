// The one place that touches process.env.
import type { Config } from "./config.ts";
import { readConfig } from "./read.ts";

export function readEnvironment(instrumentationNames: readonly string[]): {
  config: Config;
  problems: readonly string[];
} {
  return readConfig(process.env, instrumentationNames);
}
