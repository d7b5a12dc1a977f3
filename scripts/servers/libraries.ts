// Versions of libraries that the tests need beside those of our own node_modules, each in a folder of its own.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVERS, run, say } from "./process.ts";

const nestPackages = (major: number): string[] => [
  ...["core", "common", "platform-express", "platform-fastify"].map((name) => `@nestjs/${name}@${major}`),
  "reflect-metadata@0.2.2",
  "rxjs@7.8.2",
];

const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
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

export const LIBRARY_NAMES: readonly string[] = Object.keys(LIBRARIES);

export function libraryFolder(name: string): string {
  return join(SERVERS, "libraries", name);
}

export function provisionLibraries(): void {
  for (const [name, packages] of Object.entries(LIBRARIES)) {
    const folder = libraryFolder(name);
    if (existsSync(join(folder, "node_modules"))) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}");
    say(`fetching ${packages.join(" ")}`);
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", ...packages], {
      cwd: folder,
      hint: "npm fetches the versions of libraries that the tests need",
    });
  }
}
