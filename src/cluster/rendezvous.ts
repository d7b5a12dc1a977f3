// Where the workers of a primary without redtrail (PM2's daemon) find each other, and leave totals for each other.
import { createHash } from "node:crypto";
import {
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  readlinkSync,
} from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { makeFolder } from "../make-folder.ts";
import type { Points } from "./protocol.ts";

export interface Rendezvous {
  readonly folder: string;
  readonly socketPath: string;
  /** What the names of the files with totals in `folder` begin with. */
  readonly totalsPrefix: string;
}

export interface RendezvousOptions {
  /** Of the process whose workers meet. */
  readonly parentPid: number;
  readonly port: number;
  /** Tells apart the apps of one parent: PM2 runs them all. */
  readonly app: string;
  /** @default the system's directory for temporary files */
  readonly directory?: string;
}

/** Totals that are older were left by an app that has been stopped since. */
const TOTALS_KEPT_MS = 10_000;

/** Undefined where there is no place that only this user can write to. */
export function createRendezvous(options: RendezvousOptions): Rendezvous | undefined {
  const { parentPid, port, app, directory = tmpdir() } = options;
  const uid = process.getuid?.();
  const folder = join(directory, `redtrail-${uid ?? nameOfUser()}`);
  if (!isOurFolder(folder, uid)) return undefined;
  // Short: a socket's path has 103 bytes at most on macOS.
  const name = `${parentPid}-${port}-${createHash("sha256").update(`${app}\0${pidNamespace()}`).digest("hex").slice(0, 8)}`;
  return {
    folder,
    socketPath: process.platform === "win32" ? `\\\\.\\pipe\\redtrail-${name}` : join(folder, `${name}.sock`),
    totalsPrefix: `${name}.totals-`,
  };
}

/** Containers may share a folder, and have the same process ids. */
function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return hostname();
  }
}

/** Windows keeps the directory for temporary files per user itself. */
function isOurFolder(folder: string, uid: number | undefined): boolean {
  try {
    makeFolder(folder, 0o700);
    const stat = lstatSync(folder);
    return stat.isDirectory() && (uid === undefined || (stat.uid === uid && (stat.mode & 0o077) === 0));
  } catch {
    return false;
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username.replaceAll(/\W/g, "_");
  } catch {
    return "user";
  }
}

export function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Whoever comes next finds out.
  }
}

/** What a process leaves that ends: counts, and which instances they are of. */
export interface Left {
  readonly instances: readonly string[];
  readonly totals: readonly Points[];
}

/** A file, not a message: it works while the process ends, whatever its size, and whoever is next. Never throws. */
export function leaveTotals({ folder, totalsPrefix }: Rendezvous, left: Left): void {
  const path = join(folder, `${totalsPrefix}${process.pid}.json`);
  try {
    // Whoever leads looks each second, and must not find half of it.
    writeFileSync(`${path}.part`, JSON.stringify(left), { mode: 0o600 });
    renameSync(`${path}.part`, path);
  } catch {
    // Then the next leader begins at zero.
  }
}

/** Takes what processes that have ended left; a leader's, which holds those of others, first. Never throws. */
export function takeTotals({ folder, totalsPrefix }: Rendezvous): Left[] {
  return namesIn(folder)
    .filter((name) => name.startsWith(totalsPrefix) && name.endsWith(".json"))
    .flatMap((name) => takeFile(join(folder, name)))
    .toSorted((a, b) => b.instances.length - a.instances.length);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function takeFile(path: string): Left[] {
  try {
    if (Date.now() - statSync(path).mtimeMs > TOTALS_KEPT_MS) return [];
    const { instances, totals } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    return Array.isArray(instances) && Array.isArray(totals) ? [{ instances, totals }] : [];
  } catch {
    return [];
  } finally {
    removeFile(path);
  }
}
