// The one place that touches process.env.
import { dirname, resolve } from "node:path";
import type { Config } from "./config.ts";
import { type AddedValues, readConfig, readPluginNames } from "./read.ts";

export function readEnvironment(
  instrumentationNames: readonly string[],
  byDefault: readonly string[],
  added: AddedValues = {},
): {
  config: Config;
  problems: readonly string[];
} {
  return readConfig(process.env, instrumentationNames, byDefault, added);
}

/** The plug-ins that are to be loaded first, and the folders that they are looked for in. */
export function pluginsOfEnvironment(): { readonly names: readonly string[]; readonly folders: readonly string[] } {
  const script = mainScript();
  const folders = [process.cwd(), ...(script === undefined ? [] : [dirname(resolve(script))])];
  return { names: readPluginNames(process.env), folders: [...new Set(folders)] };
}

/** The app's main script. PM2 starts one of its own, and names the app's in the environment: in cluster mode as JSON. */
export function mainScript(): string | undefined {
  return process.env["pm_exec_path"] ?? fromPm2(process.env["pm2_env"]) ?? process.argv[1];
}

function fromPm2(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    const { pm_exec_path: path } = JSON.parse(json) as Record<string, unknown>;
    return typeof path === "string" ? path : undefined;
  } catch {
    return undefined;
  }
}
