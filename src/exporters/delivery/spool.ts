// Keeps items on disk that memory has no room for, or that were not delivered when the process ended: a folder of small
// files ("segments") of one item a line, which any process with the same setting delivers, once.
//
//   zipkin-<time>-<owner>-<number>-<items>.ndjson               waits
//   zipkin-....ndjson.<owner>.claim                             is being delivered by <owner>; touched at each try
//   zipkin-....tmp                                              is being written
//
// A rename is atomic: of two processes that claim a segment one gets it. The owner is host, process and thread, so that a
// claim is known to be left behind when its process is gone, or when it was not touched for a while (another machine).
import { readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { log } from "../../diagnostics/log.ts";
import { codeOf } from "../../error-code.ts";
import { makeFolder } from "../../make-folder.ts";
import { joinBuffers } from "./buffers.ts";
import type { Backlog, Segment } from "./queue.ts";

export interface SpoolOptions {
  /** Made if it is not there, readable for this user alone. Processes may share it. */
  readonly folder: string;
  /** Whose items these are: `zipkin`. */
  readonly kind: string;
  /** Of all segments of this kind in the folder; the oldest is dropped beyond it. */
  readonly maxBytes: number;
  /** Milliseconds that items wait for their segment to fill. @default 1000 */
  readonly writeDelayMs?: number;
}

export interface SpoolStats {
  /** Items that this process has written. */
  readonly written: number;
  /** Items of this kind that wait on disk, whoever wrote them, as far as last seen; and their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly dropped: Readonly<Record<SpoolDropReason, number>>;
}

/** The folder was full and these were the oldest; the disk refused them; lines that are no item (a torn write). */
export type SpoolDropReason = "spool_full" | "spool_failed" | "spool_corrupt";

const SEGMENT_ITEMS = 512;
const SEGMENT_BYTES = 524_288;
/** Items that wait for a slow disk, in segments. */
const MAX_UNWRITTEN_SEGMENTS = 8;
const LOOK_AGAIN_AFTER_MS = 10_000;
const STALE_AFTER_MS = 300_000;
const SEGMENT_NAME = /^([a-z]+)-(\d{13})-([\w.]+)-(\d+)-(\d+)\.ndjson(?:\.([\w.]+)\.claim)?$/;

interface SegmentFile {
  readonly file: string;
  readonly items: number;
  readonly bytes: number;
  readonly changedAt: number;
  /** Undefined: it waits. */
  readonly claimedBy: string | undefined;
}

/** Lets two spools of one process (tests) tell their claims apart. */
let created = 0;

export class Spool implements Backlog<Buffer> {
  readonly #options: Required<SpoolOptions>;
  readonly #owner: string;
  readonly #claims = new Set<string>();
  #written = 0;
  #waiting = 0;
  #waitingBytes = 0;
  readonly #dropped: Record<SpoolDropReason, number> = { spool_full: 0, spool_failed: 0, spool_corrupt: 0 };
  #open: Buffer[] = [];
  #openBytes = 0;
  #full: (readonly Buffer[])[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  /** Segments that the last look has found and nobody has taken yet: a look costs a call for each file. */
  #found: SegmentFile[] = [];
  #number = 0;
  /** By performance.now(); until then there is nothing to take. */
  #emptyUntil = 0;

  constructor(options: SpoolOptions) {
    this.#options = { writeDelayMs: 1_000, ...options };
    const host = hostname()
      .replaceAll(/[^\w.]+/g, "_")
      .slice(0, 64);
    this.#owner = `${host}.${process.pid}.${threadId}.${created++}`;
    try {
      makeFolder(options.folder, 0o700);
    } catch (error) {
      this.#report(error);
    }
  }

  get stats(): SpoolStats {
    return {
      written: this.#written,
      waiting: this.#waiting,
      waitingBytes: this.#waitingBytes,
      dropped: { ...this.#dropped },
    };
  }

  /** Written within a second, off this thread. */
  add(item: Buffer): void {
    this.#open.push(item);
    this.#openBytes += item.length;
    if (this.#open.length >= SEGMENT_ITEMS || this.#openBytes >= SEGMENT_BYTES) this.#close();
    else this.#timer ??= setTimeout(() => this.#close(), this.#options.writeDelayMs).unref();
  }

  mayHave(): boolean {
    return performance.now() >= this.#emptyUntil;
  }

  /** The oldest segment that nobody else delivers. Never rejects. */
  async take(): Promise<Segment<Buffer> | undefined> {
    try {
      let segment = await this.#claimFirst();
      if (segment === undefined) {
        this.#found = await this.#look();
        segment = await this.#claimFirst();
      }
      if (segment !== undefined) return segment;
    } catch (error) {
      this.#report(error);
    }
    this.#emptyUntil = performance.now() + LOOK_AGAIN_AFTER_MS;
    return undefined;
  }

  /** Writes what still waits for it and `items`, at once; gives back what was claimed. Returns how many items are safe. */
  endSync(items: readonly Buffer[]): number {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const unwritten = [...this.#full.flat(), ...this.#open];
    this.#full = [];
    this.#open = [];
    this.#openBytes = 0;
    this.#writeSegmentsSync(unwritten);
    const safe = this.#writeSegmentsSync(items);
    for (const claim of this.#claims) this.#release(claim);
    return safe;
  }

  #writeSegmentsSync(items: readonly Buffer[]): number {
    let safe = 0;
    for (let i = 0; i < items.length; i += SEGMENT_ITEMS) {
      const segment = items.slice(i, i + SEGMENT_ITEMS);
      if (this.#writeSync(segment)) safe += segment.length;
    }
    return safe;
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#open.length === 0) return;
    if (this.#full.length >= MAX_UNWRITTEN_SEGMENTS) this.#dropped.spool_failed += this.#open.length;
    else this.#full.push(this.#open);
    this.#open = [];
    this.#openBytes = 0;
    if (!this.#isWriting) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    const { rename, writeFile } = process.getBuiltinModule("node:fs/promises");
    while (this.#full.length > 0) {
      const items = this.#full[0] as readonly Buffer[];
      const { text, file } = this.#prepare(items);
      try {
        this.#makeRoom(await this.#scan(), text.length);
        await writeFile(`${file}.tmp`, text, { mode: 0o600 });
        // endSync() may have written them meanwhile.
        if (this.#full[0] !== items) break;
        await rename(`${file}.tmp`, file);
        this.#noteWritten(items.length, text.length);
      } catch (error) {
        this.#noteFailed(items.length, error);
      }
      if (this.#full[0] === items) this.#full.shift();
    }
    this.#isWriting = false;
  }

  #writeSync(items: readonly Buffer[]): boolean {
    const { text, file } = this.#prepare(items);
    try {
      this.#makeRoom(this.#scanSync(), text.length);
      writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
      renameSync(`${file}.tmp`, file);
      this.#noteWritten(items.length, text.length);
      return true;
    } catch (error) {
      this.#noteFailed(items.length, error);
      return false;
    }
  }

  #prepare(items: readonly Buffer[]): { text: Buffer; file: string } {
    const { kind, folder } = this.#options;
    const name = `${kind}-${Date.now()}-${this.#owner}-${this.#number++}-${items.length}.ndjson`;
    return { text: joinBuffers(items, "", "\n", "\n"), file: join(folder, name) };
  }

  #noteWritten(items: number, bytes: number): void {
    this.#written += items;
    this.#waiting += items;
    this.#waitingBytes += bytes;
    this.#emptyUntil = 0;
  }

  #noteFailed(items: number, error: unknown): void {
    this.#dropped.spool_failed += items;
    this.#report(error);
  }

  #report(error: unknown): void {
    const { folder } = this.#options;
    log.warnSometimes(
      `spool ${folder}`,
      `the spool folder "${folder}" cannot be used (${codeOf(error)}); what it should keep is dropped`,
    );
  }

  async #scan(): Promise<SegmentFile[]> {
    const { readdir, stat } = process.getBuiltinModule("node:fs/promises");
    const files: SegmentFile[] = [];
    for (const name of await readdir(this.#options.folder)) {
      const file = this.#isOurs(name) ? await stat(join(this.#options.folder, name)).catch(() => undefined) : undefined;
      if (file !== undefined) this.#note(files, name, file.size, file.mtimeMs);
    }
    return this.#noteWaiting(files);
  }

  #scanSync(): SegmentFile[] {
    const files: SegmentFile[] = [];
    for (const name of readdirSync(this.#options.folder)) {
      if (!this.#isOurs(name)) continue;
      const file = statSync(join(this.#options.folder, name), { throwIfNoEntry: false });
      if (file !== undefined) this.#note(files, name, file.size, file.mtimeMs);
    }
    return this.#noteWaiting(files);
  }

  #isOurs(name: string): boolean {
    return name.startsWith(`${this.#options.kind}-`);
  }

  #note(files: SegmentFile[], file: string, bytes: number, changedAt: number): void {
    const match = SEGMENT_NAME.exec(file);
    if (match !== null) files.push({ file, items: Number(match[5]), bytes, changedAt, claimedBy: match[6] });
    // Its writer has died before it was whole.
    else if (file.endsWith(".tmp") && Date.now() - changedAt > STALE_AFTER_MS) remove(join(this.#options.folder, file));
  }

  /** Oldest first: the names begin with the time. */
  #noteWaiting(files: SegmentFile[]): SegmentFile[] {
    this.#waiting = files.reduce((sum, { items }) => sum + items, 0);
    this.#waitingBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    return files.toSorted((a, b) => (a.file < b.file ? -1 : 1));
  }

  #makeRoom(files: readonly SegmentFile[], bytes: number): void {
    for (const { file, items, bytes: freed, claimedBy } of files) {
      if (this.#waitingBytes + bytes <= this.#options.maxBytes) return;
      if (claimedBy !== undefined || !remove(join(this.#options.folder, file))) continue;
      this.#waitingBytes -= freed;
      this.#waiting -= items;
      this.#dropped.spool_full += items;
      log.warnSometimes(
        `spool full ${this.#options.kind}`,
        `the spool folder "${this.#options.folder}" is full; ${this.#dropped.spool_full} of the oldest items were dropped`,
      );
    }
  }

  /** Segments that wait, or whose claim was left behind. */
  async #look(): Promise<SegmentFile[]> {
    const files = await this.#scan();
    return files.filter(
      ({ claimedBy, changedAt }) => claimedBy === undefined || this.#isLeftBehind(claimedBy, changedAt),
    );
  }

  #isLeftBehind(owner: string, touchedAt: number): boolean {
    if (liveOwners.has(owner)) return false;
    if (Date.now() - touchedAt > STALE_AFTER_MS) return true;
    const [host, pid] = splitOwner(owner);
    if (host !== splitOwner(this.#owner)[0]) return false;
    // In a container every process has the same number as the one that died before it.
    return pid === process.pid || !isAlive(pid);
  }

  async #claimFirst(): Promise<Segment<Buffer> | undefined> {
    for (let next = this.#found.shift(); next !== undefined; next = this.#found.shift()) {
      const segment = await this.#claim(next);
      if (segment !== undefined) return segment;
    }
    return undefined;
  }

  async #claim({ file, items, bytes }: SegmentFile): Promise<Segment<Buffer> | undefined> {
    const { readFile, rename, utimes } = process.getBuiltinModule("node:fs/promises");
    const { folder } = this.#options;
    const claim = join(folder, `${file.replace(/\.ndjson\..*$/, ".ndjson")}.${this.#owner}.claim`);
    try {
      await rename(join(folder, file), claim);
    } catch {
      // Another process was first.
      return undefined;
    }
    this.#claims.add(claim);
    liveOwners.add(this.#owner);
    const now = new Date();
    await utimes(claim, now, now).catch(() => {});
    const lines = (await readFile(claim, "utf8")).split("\n").filter((line) => line !== "");
    const whole = lines.filter(isWhole).map((line) => Buffer.from(line));
    this.#dropped.spool_corrupt += Math.max(0, items - whole.length);
    const done = (): void => {
      this.#claims.delete(claim);
      if (!remove(claim)) return;
      this.#waiting -= items;
      this.#waitingBytes -= bytes;
    };
    if (whole.length === 0) {
      done();
      return undefined;
    }
    return { items: whole, done, touch: () => void utimes(claim, new Date(), new Date()).catch(() => {}) };
  }

  #release(claim: string): void {
    this.#claims.delete(claim);
    try {
      renameSync(claim, claim.replace(/(\.ndjson)\..*$/, "$1"));
    } catch {
      // Gone: then somebody took it for left behind, and delivers it.
    }
  }
}

/** Owners of this process whose claims are alive. */
const liveOwners = new Set<string>();

function splitOwner(owner: string): [host: string, pid: number] {
  const parts = owner.split(".");
  return [parts.slice(0, -3).join("."), Number(parts.at(-3))];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function remove(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** An item is JSON, or two of them with a tab between. */
function isWhole(line: string): boolean {
  try {
    for (const part of line.split("\t")) JSON.parse(part);
    return true;
  } catch {
    return false;
  }
}
