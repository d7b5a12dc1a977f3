// The web frameworks whose routes are tested, and how each of them writes its patterns: apps of test/fixtures/frameworks.
import { join } from "node:path";
import { withAliases } from "../support/aliases.ts";
import { FIXTURES, type RunOptions } from "../support/run-app.ts";
import type { FrameworkTraits } from "./routes.ts";

export interface Framework {
  readonly title: string;
  /** Of test/fixtures/frameworks. */
  readonly app: string;
  readonly traits: FrameworkTraits;
  /** Where its packages are, if not in our node_modules under their own names. */
  readonly packages?: Readonly<Record<string, string>> | string;
  /** How the app writes what differs between versions. */
  readonly env?: Readonly<Record<string, string>>;
}

const COLON = { user: "/users/:id", item: "/api/v1/items/:item" };

const EXPRESS: FrameworkTraits = {
  ...COLON,
  wildcard: "/files/*path",
  early: undefined,
  wrongMethod: 404,
  options: 200,
  badBody: [400, undefined],
};
const FASTIFY: FrameworkTraits = {
  ...COLON,
  wildcard: "/files/*",
  early: "/early",
  wrongMethod: 404,
  options: 404,
  badBody: [400, "/echo"],
};
const KOA: FrameworkTraits = {
  ...COLON,
  wildcard: "/files/{*path}",
  early: undefined,
  wrongMethod: 405,
  options: 200,
};
const HAPI: FrameworkTraits = {
  user: "/users/{id}",
  item: "/api/v1/items/{item}",
  wildcard: "/files/{path*}",
  early: "/early",
  wrongMethod: 404,
  options: 404,
  badBody: [400, "/echo"],
};
const HONO: FrameworkTraits = {
  ...COLON,
  wildcard: "/files/*",
  early: undefined,
  wrongMethod: 404,
  options: 404,
};
const RESTIFY: FrameworkTraits = {
  ...COLON,
  wildcard: "/files/*",
  early: "/early",
  wrongMethod: 405,
  options: 405,
  badBody: [400, "/echo"],
};
const NEST_ON_EXPRESS: FrameworkTraits = { ...EXPRESS, options: 404 };

/** What is installed here. */
export const FRAMEWORKS: readonly Framework[] = [
  { title: "Express 5", app: "express", traits: EXPRESS },
  {
    title: "Express 4",
    app: "express",
    traits: { ...EXPRESS, wildcard: "/files/*" },
    packages: { express: "express4" },
    env: { WILDCARD: "/*" },
  },
  { title: "Fastify 5", app: "fastify", traits: FASTIFY },
  { title: "Fastify 4", app: "fastify", traits: FASTIFY, packages: { fastify: "fastify4" } },
  { title: "Koa 3", app: "koa", traits: KOA },
  { title: "Koa 2", app: "koa", traits: KOA, packages: { koa: "koa2" } },
  { title: "Hapi 21", app: "hapi", traits: HAPI },
  { title: "Hapi 20", app: "hapi", traits: HAPI, packages: { "@hapi/hapi": "hapi20" } },
  { title: "Hono 4", app: "hono", traits: HONO },
  { title: "NestJS 12 on Express", app: "nest-express", traits: NEST_ON_EXPRESS },
  { title: "Restify 12", app: "restify", traits: RESTIFY },
];

/** It needs what Node 24 has no more: "No such module: http_parser". */
export const RESTIFY_11: Framework = {
  title: "Restify 11",
  app: "restify",
  traits: RESTIFY,
  packages: { restify: "restify11" },
};

/** What is installed by `npm run servers` in folders of their own (scripts/servers/libraries.ts). */
export function frameworksIn(folderOf: (library: string) => string): readonly Framework[] {
  const of = (library: string): string => join(folderOf(library), "node_modules");
  const oldKoa = { traits: { ...KOA, wildcard: "/files/(.*)" }, env: { WILDCARD: "/files/(.*)" } };
  const nestOnFastify = { WILDCARD: "files/*" };
  return [
    { title: "Fastify 4.0.0", app: "fastify", traits: FASTIFY, packages: of("fastify-4.0") },
    { title: "Fastify 5.0.0", app: "fastify", traits: FASTIFY, packages: of("fastify-5.0") },
    { title: "Hono 4.0.0 on node-server 1", app: "hono", traits: HONO, packages: of("hono-4.0") },
    { title: "Koa 2.0.0 with koa-router 7", app: "koa-router", ...oldKoa, packages: of("koa-router-7") },
    { title: "Koa 2 with koa-router 14", app: "koa-router", traits: KOA, packages: of("koa-router-14") },
    { title: "Koa 2 with @koa/router 8", app: "koa", ...oldKoa, packages: of("@koa-router-8") },
    { title: "Koa 2 with @koa/router 12 and koa-mount", app: "koa-mount", ...oldKoa, packages: of("@koa-router-12") },
    {
      title: "NestJS 12 on Fastify",
      app: "nest-fastify",
      traits: FASTIFY,
      packages: of("nestjs-12"),
      env: nestOnFastify,
    },
    { title: "NestJS 11 on Express", app: "nest-express", traits: NEST_ON_EXPRESS, packages: of("nestjs-11") },
    {
      title: "NestJS 11 on Fastify",
      app: "nest-fastify",
      traits: FASTIFY,
      packages: of("nestjs-11"),
      env: nestOnFastify,
    },
    {
      title: "NestJS 10 on Express",
      app: "nest-express",
      traits: { ...NEST_ON_EXPRESS, wildcard: "/files/*" },
      packages: of("nestjs-10"),
      env: { WILDCARD: "files/*", MIDDLEWARE_PATHS: "*" },
    },
    {
      title: "NestJS 10 on Fastify",
      app: "nest-fastify",
      traits: FASTIFY,
      packages: of("nestjs-10"),
      // Its middleware for all paths is for those with the prefix only.
      env: { ...nestOnFastify, MIDDLEWARE_PATHS: "early" },
    },
  ];
}

export type ModuleSystem = "cjs" | "mjs";
export type EngineName = "native" | "node-sdk";

export function runOptionsOf(
  { title, app, packages, env }: Framework,
  modules: ModuleSystem,
  engine: EngineName,
): RunOptions {
  const script = join("frameworks", `run.${modules}`);
  const common = { env: { ...env, REDTRAIL_ENGINE: engine } };
  if (packages === undefined) return { ...common, app: [join(FIXTURES, script), app] };
  const { cwd, nodeArgs } = withAliases(`${title.replaceAll(/\W+/g, "-")}-${modules}`, "frameworks", packages);
  return { ...common, cwd, nodeArgs, app: [join(cwd, script), app] };
}
