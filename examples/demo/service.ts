// Starts one of the demo's services in a process of its own, with nothing but --require.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const PRELOAD = join(import.meta.dirname, "../../dist/register.cjs");

export interface Service {
  readonly name: string;
  readonly port: number;
  readonly metricsUrl: string;
  /** Rejects with one line when the service ends without having been told to. */
  readonly died: Promise<never>;
}

/** Adds the process to `children` at once. Rejects with one line when it ends before it listens. */
export async function startService(
  name: string,
  file: string,
  env: Readonly<Record<string, string>>,
  children: ChildProcess[],
): Promise<Service> {
  const child = fork(join(import.meta.dirname, "services", file), {
    execArgv: ["--require", PRELOAD],
    env: {
      ...process.env,
      NODE_ENV: "production",
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_PROMETHEUS_PORT: "0",
      OTEL_BSP_SCHEDULE_DELAY: "200",
      ...env,
    },
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  children.push(child);
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const died = once(child, "exit").then(([code, signal]: (number | string | null)[]) => {
    throw new Error(`service "${name}" ended by itself (${signal ?? `exit code ${code}`})${lastWords(stderr)}`);
  });
  died.catch(() => {});
  const [{ port }] = (await Promise.race([once(child, "message"), died])) as [{ port: number }];
  let match: RegExpExecArray | null = null;
  while ((match = /metrics at (\S+?),/.exec(stderr)) === null) {
    await Promise.race([once(child.stderr as NodeJS.ReadableStream, "data"), died]);
  }
  return { name, port, metricsUrl: match[1] as string, died };
}

/** Tells the processes to end, waits until they have, and ends those that have not within `timeoutMs`. */
export async function stopServices(children: readonly ChildProcess[], timeoutMs = 3_000): Promise<void> {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const ended = running.map((child) => once(child, "exit"));
  for (const child of running) child.kill("SIGTERM");
  const timer = setTimeout(() => {
    for (const child of running) child.kill("SIGKILL");
  }, timeoutMs);
  await Promise.all(ended);
  clearTimeout(timer);
}

/** The last line of its own that it wrote to stderr, if any. */
function lastWords(stderr: string): string {
  const line = stderr.split("\n").findLast((text) => text.trim() !== "" && !text.startsWith("redtrail:"));
  return line === undefined ? "" : `: ${line.trim()}`;
}
