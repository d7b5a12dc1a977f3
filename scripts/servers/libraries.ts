// Other major versions of libraries than the ones of package.json, each in a folder of its own: .servers/libraries/<name>@<major>/.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

/** As npm names them, with an exact version; a test finds `redis@4.7.1` in `libraryFolder("redis@4")`. */
export const LIBRARIES = [
  "@aws-sdk/client-dynamodb@3.1169.0",
  "dataloader@2.2.3",
  "generic-pool@3.9.0",
  "ioredis@5.9.2",
  "mongodb@4.17.2",
  "mongodb@6.22.0",
  "mongoose@8.24.10",
  "mysql2@2.3.3",
  "oracledb@6.9.0",
  "redis@4.7.1",
  "redis@5.9.0",
  "socket.io@3.1.2",
  "tedious@19.2.2",
] as const;

/** The folder whose node_modules has it: where an app that shall use it runs. */
export function libraryFolder(nameAndMajor: string): string {
  return join(SERVERS, "libraries", nameAndMajor.replace("/", "+"));
}

/** Each once; an installation that did not come to its end is made anew. */
export function provisionLibraries(): void {
  for (const library of LIBRARIES) {
    const at = library.lastIndexOf("@");
    const folder = libraryFolder(`${library.slice(0, at)}@${library.slice(at + 1).split(".")[0]}`);
    const done = join(folder, `${library.slice(at + 1)}.installed`);
    if (existsSync(done)) continue;
    say(`installing ${library} (npm)`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", library], {
      cwd: folder,
      hint: "npm fetches it from the registry",
    });
    writeFileSync(done, "");
  }
}
