// Child processes that are asked over IPC: one question at a time, one answer each.
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { nodeOnAppCore } from "./pin.ts";

export interface Usage {
  /** User and system time of the whole process, threads included. */
  readonly cpuUs: number;
  readonly rssBytes: number;
}

const ANSWER_TIMEOUT_MS = 60_000;
const EXIT_TIMEOUT_MS = 3000;

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const ended = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`the process ended with ${String(code)}`);
  });
  try {
    const [message] = (await Promise.race([once(child, "message", { signal }), ended])) as [unknown];
    return message;
  } finally {
    ended.catch(() => {});
    over.abort();
  }
}

/** Sends a question and returns the next message; the caller names the type that the child's own file defines. */
export async function ask(child: ChildProcess, question: string | object): Promise<unknown> {
  const answer = nextMessage(child);
  child.send(question);
  return answer;
}

/** Starts one of the load's own processes, on the harness's core. Without it nothing can be measured, so its end is ours. */
export async function startHelper(file: string, awaitFirst: boolean): Promise<[ChildProcess, unknown]> {
  const child = fork(file, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  child.once("exit", (code) => {
    if (code === 0) return;
    console.error(`bench: ${file} ended with ${code}; giving up`);
    process.exit(1);
  });
  return [child, awaitFirst ? await nextMessage(child) : undefined];
}

export interface AppProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** What the app and its preload wrote to stderr, the first 4,000 characters. */
  readonly stderr: () => string;
}

export async function startApp(nodeArguments: readonly string[], env: Record<string, string>): Promise<AppProcess> {
  const [command, commandArguments] = nodeOnAppCore(nodeArguments);
  const child = spawn(command, commandArguments, { env, stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, 4000);
  });
  try {
    const { port } = (await nextMessage(child)) as { port: number };
    return { child, port, stderr: () => stderr };
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`the app did not start: ${stderr}`, { cause: error });
  }
}

/** Ends the app by its own `process.exit`, because upstream's preload keeps a process alive on SIGTERM. */
export async function stopApp({ child }: AppProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  const kill = setTimeout(() => child.kill("SIGKILL"), EXIT_TIMEOUT_MS);
  if (child.connected) child.send("exit");
  await exited;
  clearTimeout(kill);
}
