// Background processes with a file each that says which they are, so that exactly they are ended.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const SERVERS: string = fileURLToPath(new URL("../../.servers", import.meta.url));

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Answers 2xx once the server is up. */
  readonly healthUrl: string;
  readonly timeoutMs: number;
}

/** Starts a server and waits until it is healthy; one that already answers is left alone. */
export async function startServer({
  name,
  command,
  args,
  env = {},
  healthUrl,
  timeoutMs,
}: ServerOptions): Promise<void> {
  if (await isHealthy(healthUrl)) {
    console.log(`servers: ${name} already answers at ${healthUrl}; left as it is`);
    return;
  }
  const folder = join(SERVERS, name);
  mkdirSync(folder, { recursive: true });
  const output = openSync(join(folder, "log.txt"), "w");
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  });
  child.unref();
  let failure: string | undefined;
  child.on("error", (error) => (failure = error.message));
  child.on("exit", (code, signal) => (failure = `ended with ${code ?? signal}`));
  if (child.pid !== undefined) writeFileSync(join(folder, "pid"), `${child.pid} ${command}\n`);
  const started = performance.now();
  const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  while (!(await isHealthy(healthUrl))) {
    if (failure !== undefined) throw new Error(`${name} ${failure}; see ${folder}/log.txt`);
    if (performance.now() - started > timeoutMs)
      throw new Error(`${name} is not up after ${elapsed()}; see ${folder}/log.txt`);
    await wait(250);
  }
  console.log(`servers: ${name} is up after ${elapsed()} (${healthUrl})`);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** Ends the servers whose files say that they were started here, if the process is still that one. */
export async function stopAll(): Promise<void> {
  const names = existsSync(SERVERS) ? readdirSync(SERVERS) : [];
  for (const name of names) {
    const file = join(SERVERS, name, "pid");
    if (!existsSync(file)) continue;
    const [pid, command] = readFileSync(file, "utf8").trim().split(" ") as [string, string];
    rmSync(file);
    if (!isCommand(pid, command)) continue;
    process.kill(Number(pid), "SIGTERM");
    for (let i = 0; i < 40 && isCommand(pid, command); i++) await wait(250);
    if (isCommand(pid, command)) process.kill(Number(pid), "SIGKILL");
    console.log(`servers: ${name} stopped`);
  }
}

function isCommand(pid: string, command: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0] === command;
  } catch {
    return false;
  }
}

/** Runs a command to its end, and throws what it printed if it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly hint: string },
): void {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", cwd: options.cwd });
  if (error !== undefined) throw new Error(`${command} cannot be run (${error.message}); ${options.hint}`);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed; ${options.hint}\n${stdout}${stderr}`);
}

export function isInstalled(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}
