// Starts one of the demo's services in a process of its own, with nothing but --require.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const PRELOAD = join(import.meta.dirname, "../../dist/register.cjs");

export interface Service {
  readonly name: string;
  readonly port: number;
  readonly metricsUrl: string;
  readonly child: ChildProcess;
}

/** Rejects with one line when the service ends before it listens. */
export async function startService(
  name: string,
  file: string,
  env: Readonly<Record<string, string>>,
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
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const failed = once(child, "exit").then(() => {
    throw new Error(`service ${name} ended before it listened: ${stderr.trim()}`);
  });
  failed.catch(() => {});
  const [{ port }] = (await Promise.race([once(child, "message"), failed])) as [{ port: number }];
  let match: RegExpExecArray | null = null;
  while ((match = /metrics at (\S+?),/.exec(stderr)) === null) {
    await Promise.race([once(child.stderr as NodeJS.ReadableStream, "data"), failed]);
  }
  return { name, port, metricsUrl: match[1] as string, child };
}
