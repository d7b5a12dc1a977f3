// The app's own package.json, which names the service when nothing else does.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface AppPackage {
  readonly name?: string;
  readonly version?: string;
}

/** The nearest package.json with a name, from the main script's folder upwards, then from the working directory. */
export function findAppPackage(mainScript: string | undefined, workingDirectory: string): AppPackage {
  const fromScript = mainScript === undefined ? undefined : findUpwards(dirname(mainScript));
  return fromScript ?? findUpwards(workingDirectory) ?? {};
}

function findUpwards(start: string): AppPackage | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const found = readPackage(join(folder, "package.json"));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

function readPackage(file: string): AppPackage | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    if (typeof name !== "string" || name === "") return undefined;
    return typeof version === "string" ? { name, version } : { name };
  } catch {
    return undefined;
  }
}
