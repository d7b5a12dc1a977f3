// The routes of web frameworks, oldest and newest major of each, as CommonJS and ES module; the other half is in test/servers.
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import { FRAMEWORKS, RESTIFY_11, runOptionsOf } from "../contracts/frameworks.ts";
import { assertRoutes } from "../contracts/routes.ts";

const node = process.env["REDTRAIL_TEST_NODE"] ?? process.execPath;
const [major] = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.split(".");
const frameworks = Number(major) < 24 ? [...FRAMEWORKS, RESTIFY_11] : FRAMEWORKS;

void suite("routes", { concurrency: 2 }, () => {
  for (const framework of frameworks) {
    const modules = framework.packages === undefined ? "mjs" : "cjs";
    test(`${framework.title} (${modules}): every request has its status and its route`, () =>
      assertRoutes(runOptionsOf(framework, modules, "native"), framework.traits));
  }
  for (const framework of frameworks.filter(({ app }) => app === "hono" || app === "fastify")) {
    if (framework.packages !== undefined) continue;
    test(`${framework.title} (cjs, engine node-sdk): every request has its status and its route`, () =>
      assertRoutes(runOptionsOf(framework, "cjs", "node-sdk"), framework.traits));
  }
});
