// Background processes with a file each that says which they are, so that exactly they are ended.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const SERVERS: string = fileURLToPath(new URL("../../.servers", import.meta.url));

/** A progress line, with the seconds since the script began. */
export function say(text: string): void {
  console.log(`servers: ${(performance.now() / 1000).toFixed(1).padStart(5)} s  ${text}`);
}

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before it is started, and not where it answers already. */
  readonly prepare?: () => void;
  /** Answers 2xx once the server is up; or `tcp://host:port`, where it takes connections then. */
  readonly healthUrl: string;
  readonly timeoutMs: number;
}

/** Starts a server and waits until it is healthy; one that already answers is left alone. */
export async function startServer({
  name,
  command,
  args,
  env = {},
  prepare,
  healthUrl,
  timeoutMs,
}: ServerOptions): Promise<void> {
  if (await isHealthy(healthUrl)) {
    say(`${name} already answers at ${healthUrl}; left as it is`);
    return;
  }
  const folder = join(SERVERS, name);
  mkdirSync(folder, { recursive: true });
  prepare?.();
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
  const pidFile = join(folder, "pid");
  if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid} ${identity(child.pid) ?? ""}\n`);
  say(`${name} is starting`);
  const started = performance.now();
  const elapsed = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  for (;;) {
    const isUp = await isHealthy(healthUrl);
    // Looked at after the answer: another server may answer on the port that this one could not get.
    if (failure !== undefined) {
      rmSync(pidFile, { force: true });
      throw new Error(`${name} ${failure}; see ${folder}/log.txt`);
    }
    if (isUp) break;
    if (performance.now() - started > timeoutMs)
      throw new Error(`${name} is not up after ${elapsed()}; see ${folder}/log.txt`);
    await wait(250);
  }
  say(`${name} is up after ${elapsed()} (${healthUrl})`);
}

async function isHealthy(url: string): Promise<boolean> {
  if (url.startsWith("tcp:")) return takesConnections(new URL(url));
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function takesConnections({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Ends the servers whose files say that they were started here, if the process is still that one. */
export async function stopAll(): Promise<void> {
  const names = existsSync(SERVERS) ? readdirSync(SERVERS) : [];
  const started = names.filter((name) => existsSync(join(SERVERS, name, "pid")));
  if (started.length === 0) say("nothing to stop: `npm run servers` started none that is not stopped");
  for (const name of started) {
    const file = join(SERVERS, name, "pid");
    const [pid = 0, startTick] = readFileSync(file, "utf8").trim().split(" ").map(Number);
    say((await stop(pid, startTick)) ? `${name} stopped` : `${name} (process ${pid}) had already ended`);
    rmSync(file);
  }
}

/** Resolves with whether it was still running. */
async function stop(pid: number, startTick: number | undefined): Promise<boolean> {
  const isRunning = (): boolean => startTick !== undefined && identity(pid) === startTick;
  if (!isRunning()) return false;
  process.kill(pid, "SIGTERM");
  for (let i = 0; i < 40 && isRunning(); i++) await wait(250);
  if (isRunning()) process.kill(pid, "SIGKILL");
  return true;
}

/** The tick at which the process began, field 22 of /proc/PID/stat: a number that is used again gets another one. */
function identity(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}

/** Runs a command to its end, and rejects with what it printed if it fails. Resolves with what it wrote to stdout. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly hint: string },
): Promise<string> {
  const env = { ...process.env, ...options.env };
  const child = spawn(command, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", (error) => reject(new Error(`${command} cannot be run (${error.message}); ${options.hint}`)));
    child.on("close", resolve);
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed; ${options.hint}\n${stdout}${stderr}`);
  return stdout;
}

/** What asked for the same thing waits for its turn: apt-get and Maven have a lock each, and a Go build takes all processors. */
function createTurns(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

const inTurnForApt = createTurns();
/** The builds go by `nice`, since servers start beside them. */
export const inTurnForGo: ReturnType<typeof createTurns> = createTurns();
/** Two that fetch into one local repository may spoil it. */
const inTurnForMaven = createTurns();
let isAptUpdated = false;

export function maven(...args: readonly string[]): Promise<unknown> {
  const hint = "Maven fetches it: install `maven` and see that it reaches Maven Central";
  return inTurnForMaven(() => run("mvn", ["-q", "-B", ...args], { hint }));
}

/** Debian's packages, where their commands are not there yet. */
export function installPackages(packages: readonly string[], commands: readonly string[]): Promise<void> {
  return inTurnForApt(async () => {
    if (commands.every(isInstalled)) return;
    say(`installing Debian's ${packages.join(", ")} (apt-get)`);
    const hint = `as root on Debian this installs them; elsewhere put ${commands.join(", ")} on PATH`;
    if (!isAptUpdated) await run("apt-get", ["update", "-q"], { hint });
    isAptUpdated = true;
    await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], { hint });
    // A package may start a service of its own, on the port that is wanted here.
    for (const name of isInstalled("service") ? packages : []) spawnSync("service", [name, "stop"]);
  });
}

export function isInstalled(command: string): boolean {
  return spawnSync(command, ["--version"]).error === undefined;
}
