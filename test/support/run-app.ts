// Starts a plain app in a process of its own, under the real preload, as a user would.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const PRELOAD: string = join(root, "dist/register.cjs");
export const FIXTURES: string = join(root, "test/fixtures");

export interface RunOptions {
  /** Path below test/fixtures, or absolute; or the arguments that stand in its place. */
  readonly app: string | readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The node binary. @default REDTRAIL_TEST_NODE, or the one that runs the test */
  readonly node?: string;
  /** Arguments before the app. @default --require of the built preload */
  readonly nodeArgs?: readonly string[];
  readonly cwd?: string;
}

export interface RunningApp {
  readonly child: ChildProcess;
  /** What the app prints as `listening <url>`. */
  readonly url: string;
  /** From the start line on stderr. */
  readonly metricsUrl: string;
  stdout(): string;
  stderr(): string;
  scrape(): Promise<string>;
  /** Ends it, by SIGTERM unless told otherwise; resolves with how it ended. */
  stop(signal?: NodeJS.Signals): Promise<Ending>;
  readonly ended: Promise<Ending>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A test that fails before it stops its app must not leave it behind. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts without waiting for anything. */
export function spawnApp({
  app,
  env = {},
  node = process.env["REDTRAIL_TEST_NODE"] ?? process.execPath,
  nodeArgs,
  cwd,
}: RunOptions): Omit<RunningApp, "url" | "metricsUrl" | "scrape"> {
  const program = typeof app === "string" ? [join(app.startsWith("/") ? "" : FIXTURES, app)] : app;
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(OTEL|REDTRAIL|NODE)_/.test(name)),
  );
  const versionArgs = (process.env["REDTRAIL_TEST_NODE_ARGS"] ?? "").split(" ").filter(Boolean);
  const child = spawn(node, [...versionArgs, ...(nodeArgs ?? ["--require", PRELOAD]), ...program], {
    env: { ...clean, OTEL_EXPORTER_PROMETHEUS_PORT: "0", OTEL_BSP_SCHEDULE_DELAY: "100", ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  children.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, stdout, stderr }));
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** Starts, and waits until the app listens and redtrail has said where it serves metrics. */
export async function runApp(options: RunOptions): Promise<RunningApp> {
  const app = spawnApp(options);
  const url = await waitForMatch(app, app.stdout, /listening (\S+)/);
  const metricsUrl = await waitForMatch(app, app.stderr, /metrics (?:at (\S+?)(?:,| and)|off|to)|and no metrics/);
  return {
    ...app,
    url,
    metricsUrl,
    scrape: async () => (await fetch(metricsUrl)).text(),
  };
}

/** Runs to the end. */
export function runToEnd(options: RunOptions): Promise<Ending> {
  return spawnApp(options).ended;
}

async function waitForMatch(
  app: Pick<RunningApp, "child" | "stdout" | "stderr">,
  read: () => string,
  pattern: RegExp,
): Promise<string> {
  const deadline = AbortSignal.timeout(15_000);
  for (;;) {
    const match = pattern.exec(read());
    if (match !== null) return match[1] ?? "";
    if (app.child.exitCode !== null || deadline.aborted) {
      throw new Error(`no ${pattern} from the app\nstdout: ${app.stdout()}\nstderr: ${app.stderr()}`);
    }
    await Promise.race([
      once(app.child.stdout as NodeJS.ReadableStream, "data", { signal: deadline }),
      once(app.child.stderr as NodeJS.ReadableStream, "data", { signal: deadline }),
      once(app.child, "exit", { signal: deadline }),
    ]).catch(() => {});
  }
}
