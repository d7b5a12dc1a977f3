// Runs test/fixtures/cluster-count.mjs and speaks with it.
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Said {
  readonly event: string;
  readonly id: number;
  readonly pid: number;
  readonly kind?: string;
  readonly address?: string;
  readonly worker?: number;
  readonly code?: number | null;
  readonly signal?: string | null;
  readonly values?: Record<string, number>;
  readonly message?: unknown;
}

export const NODE: string = process.env["REDTRAIL_TEST_NODE"] ?? process.execPath;
export const NODE_ARGS: readonly string[] = (process.env["REDTRAIL_TEST_NODE_ARGS"] ?? "").split(" ").filter(Boolean);
const FIXTURE = join(import.meta.dirname, "../fixtures/cluster-count.mjs");

export class CountApp {
  readonly child: ChildProcess;
  readonly said: Said[] = [];
  readonly #news = new EventEmitter();

  constructor(env: Readonly<Record<string, string>>) {
    const { NODE_OPTIONS: _, ...rest } = process.env;
    this.child = spawn(NODE, [...NODE_ARGS, FIXTURE], { env: { ...rest, ...env }, stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.said.push(JSON.parse(line));
      this.#news.emit("news");
    });
  }

  tell(id: number, command: string, argument: number | string = ""): void {
    this.child.stdin?.write(`${id} ${command} ${argument}\n`);
  }

  /** The next of these since the last one that was waited for. */
  async next(event: string, id?: number): Promise<Said> {
    const deadline = AbortSignal.timeout(20_000);
    for (;;) {
      const at = this.said.findIndex(
        (one) => one.event === event && (id === undefined || one.id === id) && !heard.has(one),
      );
      const found = this.said[at];
      if (found !== undefined) {
        heard.add(found);
        return found;
      }
      await once(this.#news, "news", { signal: deadline }).catch(() => {
        throw new Error(`no "${event}" of ${id}: ${JSON.stringify(this.said)}`);
      });
    }
  }

  async fork(): Promise<Said> {
    this.tell(0, "fork");
    return this.next("role");
  }

  async collect(id: number): Promise<Record<string, number>> {
    this.tell(id, "collect");
    return (await this.next("collected", id)).values ?? {};
  }

  /** Collects until the group has this state; members join and leave in their own time. */
  async collectUntil(id: number, test: (values: Record<string, number>) => boolean): Promise<Record<string, number>> {
    for (let values = {}, tries = 0; ; tries++) {
      values = await this.collect(id);
      if (test(values)) return values;
      if (tries > 5_000) throw new Error(`it stays ${JSON.stringify(values)}`);
    }
  }

  async stop(): Promise<void> {
    // One that is no longer its primary's child in all but name.
    for (const { event, pid } of this.said) if (event === "disconnected") process.kill(pid, "SIGKILL");
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.stdin?.end();
    await ended;
  }
}

const heard = new WeakSet<Said>();
