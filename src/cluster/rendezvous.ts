// Where the workers of a primary without redtrail (PM2's daemon) find each other, and leave totals for each other.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Points } from "./protocol.ts";

export interface Rendezvous {
  readonly folder: string;
  readonly socketPath: string;
  readonly totalsPath: string;
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
  const name = `${parentPid}-${port}-${createHash("sha256").update(app).digest("hex").slice(0, 8)}`;
  return {
    folder,
    socketPath: process.platform === "win32" ? `\\\\.\\pipe\\redtrail-${name}` : join(folder, `${name}.sock`),
    totalsPath: join(folder, `${name}.json`),
  };
}

/** Windows keeps the directory for temporary files per user itself. */
function isOurFolder(folder: string, uid: number | undefined): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
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

/** A file, not a message: it works while the process ends, whatever its size, and whoever is next. Never throws. */
export function leaveTotals({ totalsPath }: Rendezvous, totals: readonly Points[]): void {
  try {
    rmSync(totalsPath, { force: true });
    writeFileSync(totalsPath, JSON.stringify(totals), { mode: 0o600, flag: "wx" });
  } catch {
    // Then the next leader begins at zero.
  }
}

/** Takes what the leader before has left. Never throws. */
export function takeTotals({ totalsPath }: Rendezvous): unknown[] {
  try {
    const isFresh = Date.now() - statSync(totalsPath).mtimeMs < TOTALS_KEPT_MS;
    const totals: unknown = isFresh ? JSON.parse(readFileSync(totalsPath, "utf8")) : [];
    return Array.isArray(totals) ? totals : [];
  } catch {
    return [];
  } finally {
    removeFile(totalsPath);
  }
}
