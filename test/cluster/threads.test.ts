// Worker threads are members of their process, and end as they like.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { NODE, NODE_ARGS } from "./count-app.ts";

const run = promisify(execFile);
const FIXTURE = join(import.meta.dirname, "../fixtures/cluster-threads.mjs");

for (const [mode, counted] of [
  ["exit", 1_111],
  ["terminate", 111],
] as const) {
  test(`The metrics of threads are in the sum, also after one ends by ${mode}`, async () => {
    const env = { ...process.env, NODE_OPTIONS: "", MODE: mode };
    const { stdout } = await run(NODE, [...NODE_ARGS, FIXTURE], { env, timeout: 20_000 });
    const { role, first, last } = JSON.parse(stdout);
    assert.deepEqual(role, { kind: "leader" });
    assert.deepEqual(first, { count: 111, gauges: ["main", "thread-1", "thread-2"] });
    assert.deepEqual(last, { count: counted, gauges: ["main", "thread-2"] });
  });
}
