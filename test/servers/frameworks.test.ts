// The routes of web frameworks, second half: other versions than our own node_modules has, and the other engine and module system.
import { existsSync } from "node:fs";
import { suite, test } from "node:test";
import { FRAMEWORK_NAMES, libraryFolder } from "../../scripts/servers/libraries.ts";
import { type Framework, FRAMEWORKS, frameworksIn, runOptionsOf } from "../contracts/frameworks.ts";
import { assertRoutes } from "../contracts/routes.ts";
import { lacks } from "../support/servers.ts";

const missing = FRAMEWORK_NAMES.find((name) => !existsSync(libraryFolder(name)));
const skip = missing === undefined ? false : lacks(`${missing} is not installed (npm run servers)`);

function testBoth(framework: Framework, runs: readonly (readonly ["cjs" | "mjs", "native" | "node-sdk"])[]): void {
  for (const [modules, engine] of runs) {
    test(`${framework.title} (${modules}, engine ${engine}): every request has its status and its route`, () =>
      assertRoutes(runOptionsOf(framework, modules, engine), framework.traits));
  }
}

void suite("routes of what is installed here", { concurrency: 2 }, () => {
  for (const framework of FRAMEWORKS)
    testBoth(framework, [
      framework.packages === undefined ? ["cjs", "native"] : ["mjs", "native"],
      ["mjs", "node-sdk"],
    ]);
});

void suite("routes of other versions", { concurrency: 2, skip }, () => {
  for (const framework of frameworksIn(libraryFolder))
    testBoth(framework, [
      ["cjs", "native"],
      ["mjs", "node-sdk"],
    ]);
});
