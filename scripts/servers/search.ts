// What Elasticsearch and OpenSearch have in common: a zip from Maven Central, a configuration file, and a user that is not root.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SERVERS, maven, run, say } from "./process.ts";

export interface SearchServer {
  /** `elasticsearch`: its name in paths, variables and file names. */
  readonly name: "elasticsearch" | "opensearch";
  readonly version: string;
  readonly artifact: string;
  readonly port: number;
}

/** One node with data of its own, in a folder of its own. */
export interface SearchNode {
  readonly url: string;
  /** Takes the power away from it. */
  kill(): Promise<void>;
  /** With the data that it had. */
  restart(): Promise<void>;
}

export interface SearchNodeOptions {
  readonly port: number;
  readonly folder: string;
  /** Further lines of its configuration file. */
  readonly lines?: readonly string[];
  /** Elasticsearch only, with `xpack.security.enabled: true` in the lines. */
  readonly user?: SearchUser;
}

export interface SearchUser {
  readonly name: string;
  readonly password: string;
}

/** Nobody: both refuse to run as root. */
const NOBODY = 65_534;
const HEAP = "512m";
const READY_WITHIN_MS = 120_000;

export function searchUrl({ port }: Pick<SearchServer, "port">): string {
  return `http://127.0.0.1:${port}`;
}

/** Fetches and unpacks it, once; half a folder is never taken for the whole. */
async function provisionSearch(server: SearchServer): Promise<string> {
  const folder = join(SERVERS, server.name);
  const home = join(folder, `${server.name}-${server.version}`);
  if (existsSync(home)) return home;
  const unpacked = join(folder, "unpacking");
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  say(`fetching ${server.name} ${server.version} from Maven Central (110 MB)`);
  await maven("dependency:copy", `-Dartifact=${server.artifact}`, `-DoutputDirectory=${unpacked}`);
  const zip = readdirSync(unpacked).find((name) => name.endsWith(".zip")) ?? "";
  await run("python3", ["-m", "zipfile", "-e", join(unpacked, zip), unpacked], { hint: "python3 unpacks the zip" });
  const inside = join(unpacked, `${server.name}-${server.version}`);
  for (const name of readdirSync(join(inside, "bin"))) chmodSync(join(inside, "bin", name), 0o755);
  renameSync(inside, home);
  rmSync(unpacked, { recursive: true });
  return home;
}

/** Command, arguments and environment of a node; `lines` are added to its configuration file. */
export async function searchCommand(
  server: SearchServer,
  port: number,
  folder: string,
  lines: readonly string[] = [],
): Promise<{ command: string; args: string[]; env: Record<string, string> }> {
  const home = await provisionSearch(server);
  const config = join(folder, "config");
  for (const name of ["data", "logs", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  cpSync(join(home, "config"), config, { recursive: true });
  const own = [
    "discovery.type: single-node",
    "network.host: 127.0.0.1",
    `http.port: ${port}`,
    `transport.port: ${port + 100}`,
    `path.data: ${folder}/data`,
    `path.logs: ${folder}/logs`,
    "cluster.routing.allocation.disk.threshold_enabled: false",
    ...(server.name === "elasticsearch" ? ["action.destructive_requires_name: false"] : []),
  ];
  const unlessSet = (line: string): boolean => !lines.some((one) => one.startsWith(line.split(":")[0] as string));
  const security = server.name === "elasticsearch" ? ["xpack.security.enabled: false"].filter(unlessSet) : [];
  writeFileSync(join(config, `${server.name}.yml`), [...own, ...security, ...lines, ""].join("\n"));
  const prefix = server.name === "elasticsearch" ? "ES" : "OPENSEARCH";
  const env = {
    [`${prefix}_JAVA_OPTS`]: `-Xms${HEAP} -Xmx${HEAP}`,
    [`${prefix}_TMPDIR`]: join(folder, "tmp"),
    [`${prefix}_PATH_CONF`]: config,
    HOME: join(folder, "tmp"),
    ...javaHome(`${prefix}_JAVA_HOME`),
  };
  const program = join(home, "bin", server.name);
  if (process.getuid?.() !== 0) return { command: program, args: [], env };
  giveAway(folder);
  giveAway(home);
  return {
    command: "setpriv",
    args: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", program],
    env,
  };
}

/** Starts a node for one test; the caller kills it. */
export async function startSearchNode(
  server: SearchServer,
  { port, folder, lines = [], user }: SearchNodeOptions,
): Promise<SearchNode> {
  const { command, args, env } = await searchCommand(server, port, folder, lines);
  if (user !== undefined) await addUser(server, user, env);
  const url = searchUrl({ port });
  const headers = user === undefined ? {} : { authorization: `Basic ${btoa(`${user.name}:${user.password}`)}` };
  let child: ChildProcess;
  const isUp = (): Promise<boolean> =>
    fetch(`${url}/_cluster/health`, { headers, signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
  async function start(): Promise<void> {
    const output = openSync(join(folder, "log.txt"), "a");
    // A group of its own: what is started here starts the server, and both have to go at once.
    child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ["ignore", output, output],
    });
    const deadline = performance.now() + READY_WITHIN_MS;
    while (!(await isUp())) {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      if (hasEnded || performance.now() > deadline)
        throw new Error(`${server.name} is not up: ${readFileSync(join(folder, "log.txt"), "utf8").slice(-2_000)}`);
      await wait(200);
    }
  }
  async function kill(): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, "SIGKILL");
    await once(child, "exit");
    while (await isUp()) await wait(50);
  }
  await start();
  return { url, kill, restart: start };
}

/** In a file: the index that has users in it is not part of this distribution. */
async function addUser(
  server: SearchServer,
  { name, password }: SearchUser,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const tool = join(await provisionSearch(server), "bin", "elasticsearch-users");
  await run(tool, ["useradd", name, "-p", password, "-r", "superuser"], { env, hint: "Elasticsearch's own tool" });
  giveAway(String(env["ES_PATH_CONF"]));
}

function giveAway(path: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, NOBODY, NOBODY);
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    chownSync(join(entry.parentPath, entry.name), NOBODY, NOBODY);
  }
}

/** The zips have no Java of their own. */
function javaHome(name: string): Record<string, string> {
  const home = process.env["JAVA_HOME"] ?? "/usr/lib/jvm/java-17-openjdk-amd64";
  return existsSync(home) ? { [name]: home } : {};
}
