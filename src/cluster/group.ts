// Decides who serves the metrics of a group of processes: the primary of a cluster, else the first of its workers.
//
//   main process, or no cluster            leads: its workers say hello over their channel, if there are any
//   worker, primary runs redtrail          member of the primary
//   worker, primary does not (PM2)         whoever gets the port leads, the others are members (siblings.ts)
//   worker, port taken by somebody else    alone, on a port of its own
//   worker thread                          member of the main thread (threads.ts)
import { randomUUID } from "node:crypto";
import type { Server } from "node:net";
import { isMainThread, threadId } from "node:worker_threads";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../diagnostics/log.ts";
import { acceptWorkers, clusterWorkerId, connectToPrimary } from "./ipc-link.ts";
import { MetricsLeader, countsOf } from "./leader.ts";
import type { Link } from "./link.ts";
import { MetricsMember, type MetricsSource } from "./member.ts";
import { type Rendezvous, createRendezvous, leaveTotals, removeFile, takeTotals } from "./rendezvous.ts";
import { INHERIT_EVERY_MS, Siblings, serveSocket } from "./siblings.ts";
import { connectSocket } from "./socket-link.ts";
import { connectToMainThread } from "./thread-link.ts";
import { withThreads } from "./threads.ts";
import { within } from "./within.ts";

export interface MetricsGroupOptions {
  readonly source: MetricsSource;
  /** The metrics port that was asked for. 0 is any, so that workers cannot meet at it. */
  readonly port: number;
  /** Tells apart the apps that one PM2 runs: the name of the service. */
  readonly app: string;
  /** Whether worker threads of this process are members. */
  readonly threads: boolean;
  /** Serves the metrics at the port that was asked for, or if need be at any other; resolves with whether it does. */
  readonly listen: (orAnyPort: boolean) => Promise<boolean>;
  /** @default the system's directory for temporary files */
  readonly directory?: string;
}

export type Role =
  | { readonly kind: "leader" | "alone" }
  /** `address`: for the start line. */
  | { readonly kind: "member"; readonly address: string };

export interface MetricsGroup {
  /** The first one; a member becomes a leader when the leader before is gone. Never rejects. */
  readonly role: Promise<Role>;
  /** For a scrape: the metrics of the group, as far as this process knows them. */
  collect(timeoutMs: number): Promise<ResourceMetrics>;
  /** Tells the leader what has changed. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** The last thing before the process ends: hands over what only this one knows. Never throws. */
  endSync(): void;
  /** Leaves the group. Before the metrics port is closed, so that the next leader finds what this one leaves. */
  close(): Promise<void>;
}

/** A primary that runs redtrail answers within milliseconds, unless it is busy. */
const PRIMARY_ANSWERS_MS = 500;

export function joinMetricsGroup(options: MetricsGroupOptions): MetricsGroup {
  const threaded = options.threads && isMainThread ? withThreads(options.source) : undefined;
  const source = threaded ?? options.source;
  const workerId = isMainThread ? clusterWorkerId() : `thread-${threadId}`;
  const instance = randomUUID();
  const socket = new LeaderSocket(options);
  const leader = new MetricsLeader({ label: workerId ?? "primary", path: () => socket.path });
  const join = (link: Link): MetricsMember =>
    new MetricsMember({ link, source, label: workerId ?? "primary", instance });
  const stopAccepting = isMainThread
    ? acceptWorkers((link) => {
        socket.open(leader);
        leader.addMember(link);
      })
    : () => {};
  let member: MetricsMember | undefined;
  let siblings: Siblings | undefined;
  let isEnded = false;

  async function start(): Promise<Role> {
    if (!isMainThread) {
      member = join(connectToMainThread());
      return { kind: "member", address: "at the main thread" };
    }
    if (workerId === undefined) {
      await options.listen(true);
      return { kind: "leader" };
    }
    const atPrimary = (member = join(connectToPrimary()));
    void stayWithPrimary(atPrimary);
    const welcome = await within(atPrimary.welcome, PRIMARY_ANSWERS_MS);
    if (welcome !== undefined) return memberOf(`at the cluster's primary`, welcome.pid);
    return startAmongSiblings();
  }

  /** A worker that is disconnected may answer requests for long: it tells of them by socket. */
  async function stayWithPrimary(atPrimary: MetricsMember): Promise<void> {
    const { path } = await atPrimary.welcome;
    await atPrimary.closed;
    const link = path === undefined || member !== atPrimary ? undefined : await connectSocket(path);
    if (link !== undefined) member = join(link);
  }

  function rendezvousOf(parentPid: number): Rendezvous | undefined {
    const { port, app, directory } = options;
    return createRendezvous({ parentPid, port, app, ...(directory === undefined ? {} : { directory }) });
  }

  async function startAmongSiblings(): Promise<Role> {
    const { port, listen } = options;
    const rendezvous = port === 0 ? undefined : rendezvousOf(process.ppid);
    if (rendezvous === undefined) {
      await listen(true);
      return { kind: "alone" };
    }
    const alone = (): Promise<boolean> => listen(true);
    siblings = new Siblings({ rendezvous, leader, source, instance, join, listen: () => listen(false), alone });
    const role = await siblings.join();
    return role.kind === "member" ? memberOf("at the leading worker", role.pid) : { kind: role.kind };
  }

  /** What a pipe does not take at the end of the process is lost; a file has room for all of it. */
  function leaveForPrimary(): void {
    const place =
      siblings === undefined && member !== undefined && isMainThread ? rendezvousOf(process.ppid) : undefined;
    if (place !== undefined) leaveTotals(place, { instances: [instance], totals: countsOf(source.collectSync()) });
  }

  function endSync(): void {
    if (isEnded) return;
    isEnded = true;
    try {
      member?.pushSync();
      leaveForPrimary();
      siblings?.endSync();
      socket.close();
    } catch (error) {
      log.warn(`the metrics of this process could not be handed over (${String(error)})`);
    }
  }

  return {
    role: start().catch(() => ({ kind: "alone" })),
    async collect(timeoutMs) {
      const [own] = await Promise.all([source.collect(true, timeoutMs), leader.refresh(timeoutMs)]);
      socket.inherit(leader);
      return leader.merge(own);
    },
    async flush(timeoutMs) {
      await within(Promise.all([member?.push(true), siblings?.member?.push(true)]), timeoutMs);
    },
    endSync,
    async close() {
      await within(Promise.all([member?.push(true), siblings?.member?.push(true)]), PRIMARY_ANSWERS_MS);
      stopAccepting();
      endSync();
      const followed = [member, siblings?.member];
      member = undefined;
      for (const one of followed) one?.close();
      leader.close();
      threaded?.close();
    },
  };
}

function memberOf(where: string, pid: number): Role {
  return { kind: "member", address: `${where} (process ${pid})` };
}

/** Where workers of this process find it once their channel to it is closed. Opened for the first worker. */
class LeaderSocket {
  readonly #options: MetricsGroupOptions;
  #server: Promise<Server | undefined> | undefined;
  #rendezvous: Rendezvous | undefined;
  #inheriting: NodeJS.Timeout | undefined;

  constructor(options: MetricsGroupOptions) {
    this.#options = options;
  }

  get path(): string | undefined {
    return this.#rendezvous?.socketPath;
  }

  open(leader: MetricsLeader): void {
    if (this.#server !== undefined) return;
    const { port, app, directory } = this.#options;
    const place = { parentPid: process.pid, port, app, ...(directory === undefined ? {} : { directory }) };
    const rendezvous = createRendezvous(place);
    if (rendezvous === undefined) return;
    this.#rendezvous = rendezvous;
    this.#server = serveSocket(rendezvous, leader).catch(() => undefined);
    // Not only at a scrape: what is left is thrown away when it is old.
    this.#inheriting = setInterval(() => this.inherit(leader), INHERIT_EVERY_MS).unref();
  }

  /** Takes what workers that have ended left. */
  inherit(leader: MetricsLeader): void {
    if (this.#rendezvous === undefined) return;
    for (const left of takeTotals(this.#rendezvous)) leader.inherit(left);
  }

  close(): void {
    clearInterval(this.#inheriting);
    if (this.#rendezvous !== undefined) removeFile(this.#rendezvous.socketPath);
    void this.#server?.then((server) => server?.close());
  }
}
