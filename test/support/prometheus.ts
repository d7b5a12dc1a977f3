// A Prometheus of a test's own, with its own targets: Debian's of 2023, or the present one that `npm run servers` builds.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "./free-port.ts";

export interface TestPrometheus {
  readonly url: string;
  /** Its answer's `data`. */
  api<Data>(path: string): Promise<Data>;
  /** The value of the first sample, if any. */
  query(promql: string): Promise<number | undefined>;
  targets(): Promise<readonly Target[]>;
  stop(): Promise<void>;
}

export interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

/** Resolves once it is ready. `config` is its YAML. */
export async function startPrometheus(
  binary: string,
  config: string,
  args: readonly string[] = [],
): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-prometheus-"));
  writeFileSync(join(folder, "prometheus.yml"), config);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let output = "";
  const child = spawn(binary, [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...args,
  ]);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  process.once("exit", () => child.kill("SIGKILL"));
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`${binary} ended with ${child.exitCode}:\n${output}`);
    const isReady = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return client(url, child, folder);
    await wait(100);
  }
  throw new Error(`${binary} is not ready after 20 s:\n${output}`);
}

function client(url: string, child: ChildProcess, folder: string): TestPrometheus {
  const api = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as { status: string; data: Data; error?: string };
    if (status !== "success") throw new Error(`${path}: ${error}`);
    return data;
  };
  return {
    url,
    api,
    async query(promql) {
      const { result } = await api<{ result: { value?: [number, string] }[] }>(
        `query?query=${encodeURIComponent(promql)}`,
      );
      const text = result[0]?.value?.[1];
      return text === undefined ? undefined : Number(text);
    },
    targets: async () => (await api<{ activeTargets: Target[] }>("targets")).activeTargets,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
