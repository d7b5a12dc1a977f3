// Versions of libraries that the tests need beside those of package.json, each set in a folder of its own: .servers/libraries/<name>/.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

const nestPackages = (major: number): string[] => [
  ...["core", "common", "platform-express", "platform-fastify"].map((name) => `@nestjs/${name}@${major}`),
  "reflect-metadata@0.2.2",
  "rxjs@7.8.2",
];

/** What goes by several packages. */
const FRAMEWORKS: Readonly<Record<string, readonly string[]>> = {
  "fastify-4.0": ["fastify@4.0.0"],
  "fastify-5.0": ["fastify@5.0.0"],
  "hono-4.0": ["hono@4.0.0", "@hono/node-server@1"],
  "koa-router-7": ["koa@2.0.0", "koa-router@7"],
  "koa-router-14": ["koa@2", "koa-router@14"],
  "@koa-router-8": ["koa@2", "@koa/router@8"],
  "@koa-router-12": ["koa@2", "@koa/router@12", "koa-mount@4"],
  "nestjs-10": nestPackages(10),
  "nestjs-11": nestPackages(11),
  "nestjs-12": nestPackages(12),
};

/** A test finds `redis@4.7.1` in the folder of `redis@4`. */
const CLIENTS = [
  "@aws-sdk/client-dynamodb@3.1169.0",
  "bullmq@5.81.5",
  "bullmq-otel@2.0.1",
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
];

const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  ...FRAMEWORKS,
  ...Object.fromEntries(CLIENTS.map((library) => [nameAndMajor(library), [library]])),
};

export const FRAMEWORK_NAMES: readonly string[] = Object.keys(FRAMEWORKS);

/** The folder whose node_modules has it: where an app that shall use it runs. */
export function libraryFolder(name: string): string {
  return join(SERVERS, "libraries", name.replace("/", "+"));
}

/** Each once; an installation that did not come to its end, or is of other versions, is made anew. */
export async function provisionLibraries(): Promise<void> {
  for (const [name, packages] of Object.entries(LIBRARIES)) {
    const folder = libraryFolder(name);
    const done = join(folder, `${packages.join(" ").replaceAll("/", "+")}.installed`);
    if (existsSync(done)) continue;
    say(`installing ${packages.join(" ")} (npm)`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--legacy-peer-deps"];
    await run("npm", ["install", ...flags, ...packages], { cwd: folder, hint: "npm fetches it from the registry" });
    writeFileSync(done, "");
  }
}

/** `@scope/name@4.17.2` is of `@scope/name@4`. */
function nameAndMajor(library: string): string {
  const at = library.lastIndexOf("@");
  return `${library.slice(0, at)}@${library.slice(at + 1).split(".")[0]}`;
}
