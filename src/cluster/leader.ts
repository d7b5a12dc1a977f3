// Adds up the metrics of this process and of its members, for whoever scrapes.
import { DataPointType, type ResourceMetrics, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { log } from "../diagnostics/log.ts";
import { type EncodeOptions, SeriesEncoder } from "./encoder.ts";
import { leaderSelfMetrics } from "./leader-self-metrics.ts";
import type { Link } from "./link.ts";
import { MergedMetrics } from "./merged-metrics.ts";
import { Mirror } from "./mirror.ts";
import type { Left } from "./rendezvous.ts";
import { type Hello, type Message, PROTOCOL, type Points, parseMessage } from "./protocol.ts";

export interface LeaderOptions {
  /** The value of `worker` on the gauges of this process. */
  readonly label: string;
  /** Where members may come back to by socket. */
  readonly path?: () => string | undefined;
  readonly maxMembers?: number;
  readonly maxSeries?: number;
}

interface Member {
  readonly link: Link;
  readonly mirror: Mirror;
  readonly instance: string;
  /** The last `collect` that it has not answered. */
  token: number | undefined;
  answered: () => void;
}

const MAX_MEMBERS = 512;
/** Members that may come back over another link; beyond it the oldest is forgotten, and would count twice. */
const MAX_DEPARTED = 64;
/** Members push each second anyway, so waiting for longer would make a scrape slower, and hardly any fresher. */
const MAX_WAIT_MS = 2_000;
const MARGIN = 0.8;

export class MetricsLeader {
  readonly #options: LeaderOptions;
  readonly #merged: MergedMetrics;
  readonly #members = new Set<Member>();
  readonly #departed = new Map<string, Mirror>();
  /** Whose counts an earlier leader has handed over. */
  readonly #included = new Set<string>();
  readonly #own: Mirror;
  readonly #ownEncoder = new SeriesEncoder();
  #hasMembers = false;
  #nextToken = 1;
  #refreshing: Promise<void> | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#merged = new MergedMetrics(options.maxSeries);
    this.#own = new Mirror(this.#merged, options.label);
  }

  /** Whoever says hello on this link becomes a member. */
  addMember(link: Link): void {
    let member: Member | undefined;
    link.onMessage((given) => {
      // Links call this in events of Node's, where nobody would catch it.
      try {
        const message = parseMessage(given);
        if (message === undefined) this.#dropMalformed("is malformed");
        else if (message.type === "hello") member ??= this.#welcome(link, message);
        else if (member !== undefined && this.#members.has(member)) this.#receive(member, message);
      } catch (error) {
        this.#dropMalformed(`cannot be taken (${String(error)})`);
      }
    });
    link.onClose(() => member !== undefined && this.#depart(member));
  }

  #dropMalformed(why: string): void {
    this.#merged.lose("malformed");
    log.warnSometimes("cluster malformed", `a message of another process of this cluster ${why}; left out`);
  }

  #welcome(link: Link, { version, instance, label }: Hello): Member | undefined {
    if (version !== PROTOCOL) return undefined;
    for (const other of this.#members) if (other.instance === instance) this.#depart(other);
    if (this.#members.size >= (this.#options.maxMembers ?? MAX_MEMBERS)) {
      this.#merged.lose("member_limit");
      log.warnSometimes("cluster members", `${this.#members.size} processes share their metrics; further ones do not`);
      return undefined;
    }
    const mirror = this.#departed.get(instance) ?? new Mirror(this.#merged, label);
    this.#departed.delete(instance);
    const member: Member = { link, mirror, instance, token: undefined, answered: () => {} };
    this.#members.add(member);
    this.#hasMembers = true;
    const path = this.#options.path?.();
    void link.send({ type: "welcome", pid: process.pid, ...(path === undefined ? {} : { path }) });
    return member;
  }

  #receive(member: Member, message: Message): void {
    if (message.type === "points") member.mirror.apply(message);
    else if (message.type === "bye") this.#depart(member);
    else if (message.type === "done" && message.token === member.token) {
      member.token = undefined;
      member.answered();
    }
  }

  #depart(member: Member): void {
    if (!this.#members.delete(member)) return;
    member.mirror.depart();
    this.#remember(member.instance, member.mirror);
    member.answered();
  }

  #remember(instance: string, mirror: Mirror): void {
    this.#departed.set(instance, mirror);
    const [oldest] = this.#departed.keys();
    if (this.#departed.size > MAX_DEPARTED && oldest !== undefined) this.#departed.delete(oldest);
  }

  /** Asks all members for their present values, and waits for those who answer in time. */
  async refresh(timeoutMs: number): Promise<void> {
    if (this.#members.size === 0) return;
    this.#refreshing ??= this.#refresh(timeoutMs).finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(timeoutMs: number): Promise<void> {
    const token = this.#nextToken++;
    const answers = Array.from(this.#members, (member) => {
      // Who has not answered the last time is asked again, but not waited for again.
      const isLate = member.token !== undefined;
      member.answered();
      const answer = new Promise<void>((resolve) => (member.answered = resolve));
      member.token = token;
      void member.link.send({ type: "collect", token });
      return isLate ? Promise.resolve() : answer;
    });
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(timeoutMs * MARGIN, MAX_WAIT_MS));
    timer.unref();
    await Promise.race([Promise.all(answers), timeout]);
    clearTimeout(timer);
  }

  /** The sum of all members and these metrics of this process; just these as long as there has been no member. */
  merge(own: ResourceMetrics, asked: EncodeOptions["asked"] = "all"): ResourceMetrics {
    if (!this.#hasMembers) return own;
    this.#addOwn(own.scopeMetrics, asked);
    return { resource: own.resource, scopeMetrics: this.#collect() };
  }

  /** The same at the end of the process, when only some of its metrics can be collected. */
  mergeSync(own: ScopeMetrics[]): ScopeMetrics[] {
    if (!this.#hasMembers) return own;
    this.#addOwn(own, "some");
    return this.#collect();
  }

  #addOwn(scopeMetrics: readonly ScopeMetrics[], asked: EncodeOptions["asked"]): void {
    for (const message of this.#ownEncoder.encode(scopeMetrics, { asked })) this.#own.apply(message);
  }

  #collect(): ScopeMetrics[] {
    const self = leaderSelfMetrics(this.#members.size, this.#merged.lost);
    return [...this.#merged.collect(), self];
  }

  /**
   * What would be lost with this process: its own counts, and those of members that are gone, which it names. Members that are
   * still there count on, for the next leader. Ends the leader.
   */
  handOver(own: ScopeMetrics[]): Left {
    if (!this.#hasMembers) return { instances: [], totals: countsOf(own) };
    const instances = [...this.#departed.keys()];
    this.#addOwn(own, "some");
    for (const { mirror } of this.#members) mirror.withdraw();
    this.close();
    return { instances, totals: countsOf(this.#merged.collect()) };
  }

  /** Takes on what a process has left that is gone: an earlier leader, or a member whose last push may not have arrived. */
  inherit({ instances, totals }: Left): void {
    const [instance] = instances;
    if (instance === undefined || this.#included.has(instance)) return;
    const member = Array.from(this.#members).find((one) => one.instance === instance);
    if (member !== undefined) this.#depart(member);
    // Its values are absolute, so that those that have arrived before are not added again.
    const mirror = this.#departed.get(instance) ?? new Mirror(this.#merged, this.#options.label);
    mirror.relink();
    for (const given of totals) {
      const message = parseMessage(given);
      if (message?.type === "points") mirror.apply(message);
    }
    mirror.depart();
    this.#remember(instance, mirror);
    if (this.#included.size > MAX_DEPARTED) this.#included.clear();
    for (const other of instances.slice(1, MAX_DEPARTED)) this.#included.add(other);
    this.#hasMembers = true;
  }

  close(): void {
    for (const { link, answered } of this.#members) {
      answered();
      link.close();
    }
    this.#members.clear();
  }
}

/** What goes on counting in another process: monotonic sums and histograms. */
export function countsOf(scopeMetrics: readonly ScopeMetrics[]): Points[] {
  const counts = scopeMetrics.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.filter((metric) =>
      metric.dataPointType === DataPointType.SUM ? metric.isMonotonic : metric.dataPointType !== DataPointType.GAUGE,
    ),
  }));
  return new SeriesEncoder().encode(counts, { asked: "all" });
}
