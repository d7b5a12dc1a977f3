// Workers of a primary without redtrail, as under PM2: whoever gets the metrics port leads, the others follow by socket.
import type { Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { log } from "../diagnostics/log.ts";
import { type MetricsLeader, countsOf } from "./leader.ts";
import type { Link } from "./link.ts";
import type { MetricsMember, MetricsSource } from "./member.ts";
import { type Rendezvous, leaveTotals, removeFile, takeTotals } from "./rendezvous.ts";
import { connectSocket, listenSocket } from "./socket-link.ts";
import { sweep } from "./sweep.ts";
import { within } from "./within.ts";

export interface SiblingsOptions {
  readonly rendezvous: Rendezvous;
  readonly leader: MetricsLeader;
  readonly source: MetricsSource;
  /** Of this process. */
  readonly instance: string;
  readonly join: (link: Link) => MetricsMember;
  /** Tries to get the metrics port, and no other. */
  readonly listen: () => Promise<boolean>;
  /** When nobody leads: the port is taken by somebody else. */
  readonly alone: () => Promise<unknown>;
}

export type SiblingRole = { readonly kind: "leader" | "alone" } | { readonly kind: "member"; readonly pid: number };

const ATTEMPTS = 10;
const WELCOME_MS = 1_000;
export const INHERIT_EVERY_MS = 1_000;

export class Siblings {
  readonly #options: SiblingsOptions;
  #member: MetricsMember | undefined;
  #server: Server | undefined;
  #inheriting: NodeJS.Timeout | undefined;
  #isEnded = false;

  constructor(options: SiblingsOptions) {
    this.#options = options;
  }

  /** Whom to tell the metrics to; undefined in a leader. */
  get member(): MetricsMember | undefined {
    return this.#member;
  }

  async join(): Promise<SiblingRole> {
    for (let attempt = 0; attempt < ATTEMPTS && !this.#isEnded; attempt++) {
      if (await this.#options.listen()) {
        await this.#lead();
        return { kind: "leader" };
      }
      const pid = await this.#follow();
      if (pid !== undefined) return { kind: "member", pid };
      // A leader that has the port may not have its socket yet, one that ends may still have its port.
      await delay(50 + Math.random() * 100, undefined, { ref: false });
    }
    if (!this.#isEnded) await this.#options.alone();
    return { kind: "alone" };
  }

  async #lead(): Promise<void> {
    const { leader, rendezvous } = this.#options;
    const inherit = (): void => {
      for (const left of takeTotals(rendezvous)) leader.inherit(left);
    };
    inherit();
    // A worker that ends while nobody leads, or together with its leader, is known by what it has left alone.
    this.#inheriting = setInterval(inherit, INHERIT_EVERY_MS).unref();
    try {
      this.#server = await serveSocket(rendezvous, leader);
    } catch (error) {
      log.warn(`the other workers cannot share the metrics port of this process (${String(error)})`);
    }
  }

  async #follow(): Promise<number | undefined> {
    const link = await connectSocket(this.#options.rendezvous.socketPath);
    if (link === undefined) return undefined;
    const member = this.#options.join(link);
    const welcome = await within(Promise.race([member.welcome, member.closed]), WELCOME_MS);
    if (welcome === undefined || this.#isEnded) {
      member.close();
      return undefined;
    }
    this.#member = member;
    void member.closed.then(() => this.#rejoin());
    return welcome.pid;
  }

  /** The leader is gone. What a leader that was killed had counted, and members that were gone before it, is lost with it. */
  async #rejoin(): Promise<void> {
    this.#member = undefined;
    if (this.#isEnded) return;
    const { kind } = await this.join();
    if (kind === "leader") log.info("this process serves the metrics of its cluster now");
  }

  /** At the end of the process: what this one alone knows goes to whoever leads next. */
  endSync(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#inheriting);
    const { leader, rendezvous, source, instance } = this.#options;
    this.#member?.pushSync();
    const own = source.collectSync();
    const left = this.#server === undefined ? { instances: [], totals: countsOf(own) } : leader.handOver(own);
    leaveTotals(rendezvous, { instances: [instance, ...left.instances], totals: left.totals });
    if (this.#server === undefined) return;
    removeFile(rendezvous.socketPath);
    this.#server.close();
    this.#server = undefined;
  }
}

/** A socket of that name is stale: its owner would have the port that this process has. */
export function serveSocket({ socketPath, folder }: Rendezvous, leader: MetricsLeader): Promise<Server> {
  removeFile(socketPath);
  sweep(folder);
  return listenSocket(socketPath, (link) => leader.addMember(link));
}
