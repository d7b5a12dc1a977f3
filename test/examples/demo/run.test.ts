// The demo itself, with the real preload: through to its table, ended by a signal, ended by a service that dies.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import test from "node:test";
import { fileURLToPath } from "node:url";

const RUN = fileURLToPath(new URL("../../../examples/demo/run.ts", import.meta.url));
const NO_PROC = process.platform === "linux" ? false : "reads /proc";

interface Demo {
  readonly child: ChildProcess;
  readonly stderr: Promise<string>;
  readonly exit: Promise<unknown[]>;
  /** Waits until stdout has the text. */
  waitFor(part: string): Promise<string>;
  /** The services' process ids. */
  services(): number[];
}

function startDemo(): Demo {
  const child = spawn(process.execPath, [RUN], { stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  return {
    child,
    stderr: text(child.stderr),
    exit,
    async waitFor(part) {
      while (!output.includes(part)) {
        assert.equal(child.exitCode, null, `the demo ended without "${part}":\n${output}`);
        await Promise.race([once(child.stdout, "data"), exit]);
      }
      return output;
    },
    services: () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").map(Number),
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("the demo ends with a whole tree and a table, and with exit code 0", { timeout: 30_000 }, async () => {
  const demo = startDemo();
  const output = await demo.waitFor("Your own app:");
  assert.deepEqual(await demo.exit, [0, null]);
  assert.equal(await demo.stderr, "");
  assert.match(output, /GET \/products\/:id server .* 200 success/);
  assert.match(output, /7 spans in 3 services, each with the request id/);
  assert.match(output, /shop +GET \/products\/:id +\d+ +[\d.]+ +[\d.]+ % +- +\d+ ms +\d+ ms +\d+ ms/);
  assert.match(output, /shop +GET \(no route\) /);
  assert.match(output, /shop +GET \/report .* 100\.0 %/);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`the demo leaves no process behind after ${signal}`, { skip: NO_PROC, timeout: 30_000 }, async () => {
    const demo = startDemo();
    await demo.waitFor("requests:");
    const services = demo.services();
    assert.equal(services.length, 3);
    demo.child.kill(signal);
    assert.deepEqual(await demo.exit, [code, null]);
    assert.equal(await demo.stderr, `demo: ended by ${signal}\n`);
    assert.deepEqual(services.filter(isRunning), []);
  });
}

test("the demo says in one line which service died", { skip: NO_PROC, timeout: 30_000 }, async () => {
  const demo = startDemo();
  await demo.waitFor("requests:");
  const services = demo.services();
  process.kill(services[1] as number, "SIGKILL");
  assert.deepEqual(await demo.exit, [1, null]);
  assert.equal(await demo.stderr, 'demo: service "stock" ended by itself (SIGKILL)\n');
  assert.deepEqual(services.filter(isRunning), []);
});
