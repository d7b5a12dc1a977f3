// The routes of web frameworks: oldest and newest major of each, as CommonJS and ES module, on both engines.
import { test } from "node:test";
import { join } from "node:path";
import { type FrameworkTraits, assertRoutes } from "../contracts/routes.ts";
import { withAliases } from "../support/aliases.ts";
import { FIXTURES, type RunOptions } from "../support/run-app.ts";

const COLON = { user: "/users/:id", item: "/api/v1/items/:item" };

const TRAITS = {
  express: {
    ...COLON,
    wildcard: "/files/*path",
    early: undefined,
    wrongMethod: 404,
    options: 200,
    badBody: [400, undefined],
  },
  fastify: {
    ...COLON,
    wildcard: "/files/*",
    early: "/early",
    wrongMethod: 404,
    options: 404,
    badBody: [400, "/echo"],
  },
  koa: { ...COLON, wildcard: "/files/{*path}", early: undefined, wrongMethod: 405, options: 200 },
  hapi: {
    user: "/users/{id}",
    item: "/api/v1/items/{item}",
    wildcard: "/files/{path*}",
    early: "/early",
    wrongMethod: 404,
    options: 404,
    badBody: [400, "/echo"],
  },
  hono: { ...COLON, wildcard: "/files/*", early: undefined, wrongMethod: 404, options: 404 },
  restify: { ...COLON, wildcard: "/files/*", early: "/early", wrongMethod: 405, options: 405, badBody: [400, "/echo"] },
} satisfies Record<string, FrameworkTraits>;

interface Run {
  readonly title: string;
  readonly app: string;
  readonly traits: FrameworkTraits;
  readonly script?: "run.cjs" | "run.mjs";
  readonly engine?: "native" | "node-sdk";
  readonly aliases?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

const RUNS: readonly Run[] = [
  { title: "Express 5", app: "express", traits: TRAITS.express },
  { title: "Fastify 5", app: "fastify", traits: TRAITS.fastify },
  { title: "Koa 3", app: "koa", traits: TRAITS.koa },
  { title: "Hapi 21", app: "hapi", traits: TRAITS.hapi },
  { title: "Hono 4", app: "hono", traits: TRAITS.hono },
  { title: "Restify 12", app: "restify", traits: TRAITS.restify },
];

function optionsOf({ title, app, script = "run.cjs", engine = "native", aliases, env }: Run): RunOptions {
  const common = { env: { ...env, REDTRAIL_ENGINE: engine } };
  if (aliases === undefined) return { ...common, app: [join(FIXTURES, "frameworks", script), app] };
  const folder = withAliases(title.replaceAll(/\W+/g, "-"), "frameworks", aliases);
  return { ...common, ...folder, app: [join(folder.cwd, "app", script), app] };
}

for (const run of RUNS) {
  const { title, script = "run.cjs", engine = "native", traits } = run;
  test(`${title} (${script}, engine ${engine}): every request has its status and its route`, () =>
    assertRoutes(optionsOf(run), traits));
}
