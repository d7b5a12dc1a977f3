// Every Node that redtrail runs on passes the end-to-end suite; every Node that is too old runs the app, with one line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OLD_NODES, SUPPORTED_NODES, nodeBinary } from "../../scripts/servers/nodes.ts";
import { installPacked } from "../support/packed-app.ts";
import { lacks } from "../support/servers.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const skipWithout = (version: string): false | string =>
  existsSync(nodeBinary(version)) ? false : lacks(`Node ${version} is not there (npm run servers)`);

for (const version of SUPPORTED_NODES) {
  test(`Node ${version} passes the end-to-end suite`, { skip: skipWithout(version) }, (t) => {
    const stripsTypes = Number(version.split(".")[0]) > 22 || version.startsWith("22.2");
    // Inherited, this would make the inner run report to this one.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync(
      process.execPath,
      ["--test", "--test-concurrency=2", "--test-reporter=spec", "test/e2e/*.test.ts"],
      {
        cwd: root,
        encoding: "utf8",
        env: {
          ...env,
          REDTRAIL_TEST_NODE: nodeBinary(version),
          REDTRAIL_TEST_NODE_ARGS: stripsTypes
            ? ""
            : "--experimental-strip-types --disable-warning=ExperimentalWarning",
        },
      },
    );
    t.diagnostic((stdout.match(/^ℹ (tests|pass|fail|skipped) \d+/gm) ?? []).join(", "));
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^ℹ pass [1-9]\d+$/m);
  });
}

test(
  "A Node that is too old runs the app with one line, installed as a package",
  { skip: OLD_NODES.map(skipWithout).find(Boolean) ?? false },
  () => {
    const packed = installPacked();
    packed.write("app.cjs", 'console.log("the app runs");');
    for (const version of OLD_NODES) {
      const { status, stdout, stderr } = spawnSync(nodeBinary(version), ["--require", "redtrail/register", "app.cjs"], {
        cwd: packed.folder,
        encoding: "utf8",
        env: { PATH: process.env["PATH"] },
      });
      assert.deepEqual([status, stdout], [0, "the app runs\n"], version);
      assert.equal(
        stderr,
        `redtrail: Node.js ${version} is too old (needs 22.15 or later); the app runs without telemetry\n`,
      );
    }
    packed.remove();
  },
);
