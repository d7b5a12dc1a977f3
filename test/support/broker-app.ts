// What the tests of all brokers ask of their fixture apps: a producer that is called by HTTP, and consumers that print what they see.
import { type RunningApp, runApp, spawnApp } from "./run-app.ts";
import type { TestZipkin, ZipkinSpan } from "./zipkin.ts";

/** A line of JSON that a consumer has printed. */
export type Seen = Readonly<Record<string, unknown>> & { readonly body: string; readonly id?: string };

export function seenBy(app: Pick<RunningApp, "stdout">): Seen[] {
  return app
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Seen);
}

/** Polls; rejects after 15 seconds with what `explain` says. */
export async function until<Value>(read: () => Value | undefined | false, explain = (): string => ""): Promise<Value> {
  for (let tries = 0; tries < 300; tries++) {
    const value = read();
    if (value !== undefined && value !== false) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`nothing came\n${explain()}`);
}

export interface BrokerApps {
  /** Starts a consumer or a producer under redtrail; it is ended by `stopAll`. */
  start(app: readonly string[], env?: Readonly<Record<string, string>>): Promise<RunningApp>;
  /** Without redtrail; resolves with its URL or what else it prints behind `listening`. */
  startStranger(app: readonly string[]): Promise<Pick<RunningApp, "stdout" | "stderr" | "stop" | "url">>;
  stopAll(): Promise<void>;
}

/** `shared`: the environment of all of them. */
export function brokerApps(zipkin: () => TestZipkin, shared: Readonly<Record<string, string>> = {}): BrokerApps {
  const running = new Set<Pick<RunningApp, "stop">>();
  return {
    async start(app, env = {}) {
      const started = await runApp({
        app,
        env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin().endpoint, ...shared, ...env },
      });
      running.add(started);
      return started;
    },
    async startStranger(app) {
      const stranger = spawnApp({ app, nodeArgs: [] });
      running.add(stranger);
      const url = await until(() => /listening (\S+)/.exec(stranger.stdout())?.[1], stranger.stderr);
      return { ...stranger, url };
    },
    async stopAll() {
      await Promise.all([...running].map((app) => app.stop("SIGKILL")));
      running.clear();
    },
  };
}

/** Sends `body` to a producer, in a request whose id is `id`; resolves with its answer. */
export async function post(url: string, body: string, id: string): Promise<unknown> {
  return (await fetch(url, { method: "POST", body, headers: { "x-request-id": id } })).json();
}

/** The spans with this request id once there are as many as are wanted: parents before their children, then by time. */
export async function spansOf(zipkin: TestZipkin, id: string, count: number): Promise<ZipkinSpan[]> {
  const of = (spans: readonly ZipkinSpan[]): ZipkinSpan[] => spans.filter(({ tags }) => tags["http.request.id"] === id);
  const spans = of(await zipkin.waitFor((all) => of(all).length >= count));
  const byId = new Map(spans.map((span) => [span.id, span]));
  const depth = ({ parentId }: ZipkinSpan): number => {
    const parent = byId.get(parentId ?? "");
    return parent === undefined ? 0 : 1 + depth(parent);
  };
  return spans.sort((a, b) => depth(a) - depth(b) || a.timestamp - b.timestamp);
}

/** What identifies a chain of spans: kind and name of each, when each is the child of the one before. */
export function chain(spans: readonly ZipkinSpan[]): string[] {
  const ordered: ZipkinSpan[] = [];
  let parentId: string | undefined;
  for (;;) {
    const next = spans.find((span) => span.parentId === parentId && !ordered.includes(span));
    if (next === undefined) return ordered.map(({ kind, name }) => `${kind} ${name}`);
    ordered.push(next);
    parentId = next.id;
  }
}
