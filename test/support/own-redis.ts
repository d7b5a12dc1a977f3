// A Redis or Valkey of a test's own: in memory, on a port of its own, and ended with the test.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

export interface OwnRedis {
  readonly port: number;
  readonly url: string;
  /** What redis-cli prints. */
  cli(...args: readonly string[]): string;
  /** Takes the power away from it. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface OwnRedisOptions {
  readonly port: number;
  /** @default "redis-server" */
  readonly program?: string;
  readonly args?: readonly string[];
  /** Of redis-cli, in place of the port. */
  readonly cliArgs?: readonly string[];
}

/** A test that fails before it ends its servers must not leave them behind. */
const children = new Set<ChildProcess>();
const folders: string[] = [];
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export async function startOwnRedis({
  port,
  program = "redis-server",
  args = [],
  cliArgs = ["-p", String(port)],
}: OwnRedisOptions): Promise<OwnRedis> {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-redis-"));
  folders.push(folder);
  const cli = (...command: readonly string[]): string =>
    execFileSync("redis-cli", ["-h", "127.0.0.1", ...cliArgs, ...command], { encoding: "utf8", stdio: "pipe" }).trim();
  let child: ChildProcess;

  async function start(): Promise<void> {
    const common = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
    child = spawn(program, [...common, ...args], { stdio: "ignore" });
    children.add(child);
    const isUp = (): boolean => {
      try {
        // A password is no obstacle to an answer.
        return /PONG|NOAUTH/.test(cli("PING"));
      } catch {
        return false;
      }
    };
    while (!isUp()) {
      assert.equal(child.exitCode, null, `${program} has ended`);
      await wait(20);
    }
  }

  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    cli,
    restart: start,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
      children.delete(child);
    },
  };
}
