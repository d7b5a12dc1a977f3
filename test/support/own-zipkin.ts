// A real Zipkin of a test's own, whose memory goes with it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { ZIPKIN_JAR } from "../../scripts/servers/zipkin.ts";
import type { ZipkinSpan } from "./zipkin.ts";

export interface OwnZipkin {
  /** Where spans go. */
  readonly endpoint: string;
  /** Takes the power away from it. */
  kill(): Promise<void>;
  /** With an empty memory. */
  restart(): Promise<void>;
  /** Ids of all spans of a service; empty while it is away. */
  spanIds(service: string): Promise<ReadonlySet<string>>;
}

export async function startOwnZipkin(port: number): Promise<OwnZipkin> {
  const base = `http://127.0.0.1:${port}`;
  let child: ChildProcess;

  async function start(): Promise<void> {
    const env = { ...process.env, QUERY_PORT: String(port), STORAGE_TYPE: "mem" };
    child = spawn("java", ["-Xmx256m", "-jar", ZIPKIN_JAR], { env, stdio: "ignore" });
    const isUp = (): Promise<boolean> =>
      fetch(`${base}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isUp())) {
      assert.equal(child.exitCode, null, "Zipkin has ended");
      await wait(200);
    }
  }

  await start();
  return {
    endpoint: `${base}/api/v2/spans`,
    restart: start,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
    async spanIds(service) {
      try {
        const response = await fetch(`${base}/api/v2/traces?serviceName=${service}&limit=100000`);
        const traces = (await response.json()) as ZipkinSpan[][];
        return new Set(traces.flat().map(({ id }) => id));
      } catch {
        return new Set();
      }
    },
  };
}
