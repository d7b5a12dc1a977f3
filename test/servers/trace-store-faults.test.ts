// The fault matrix of shared storage: a real Redis, and what can become of it and of the way to it. Whatever happens, requests are answered
// as if there were no store, and none is held for longer than the budget.
import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { isInstalled } from "../../scripts/servers/process.ts";
import { readConfig } from "../../src/config/read.ts";
import { createSharedTraces } from "../../src/trace-store/create.ts";
import { createRecordCodec } from "../../src/trace-store/record.ts";
import { FAULTS } from "../support/fault-server.ts";
import { freePort } from "../support/free-port.ts";
import { medianAndP99 } from "../support/load.ts";
import { type OwnRedis, startOwnRedis } from "../support/own-redis.ts";
import { PRELOAD, type RunningApp, runApp } from "../support/run-app.ts";
import { parseSamples, sumOf } from "../support/scrape.ts";
import { lacks } from "../support/servers.ts";
import { type StoreProxy, startStoreProxy } from "../support/store-proxy.ts";

const PORT = 6414;
const REQUESTS = 200;
const BUDGET_MS = 20;
/** What a loaded machine may add to the budget without making the test a lie. */
const NOISE_MS = 30;
const TRACE = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  isRandom: true,
  service: "caller",
};

interface Scene {
  readonly redis: OwnRedis;
  readonly proxy: StoreProxy;
  readonly ids: readonly string[];
}

interface Fault {
  readonly name: string;
  /** Where the app finds its store. @default the proxy */
  readonly url?: (scene: Scene) => Promise<string>;
  /** Before the app is started. */
  readonly before?: (scene: Scene) => void;
  /** When the app and its store are well. Absent: the app never sees a store that is. */
  readonly begin?: (scene: Scene) => void;
  readonly end?: (scene: Scene) => void;
  /** @default "/seen" */
  readonly path?: string;
  readonly requests?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** How often each result may have been counted: of reads, or writes where it says so. */
  readonly counts: Readonly<Record<string, (count: number, requests: number) => boolean>>;
  /** The one line that tells of it. */
  readonly line?: RegExp;
}

const all = (count: number, requests: number): boolean => count === requests;
const most = (count: number, requests: number): boolean => count >= requests * 0.7;
const some = (count: number): boolean => count > 0;
const none = (count: number): boolean => count === 0;
const alone = { parent: none, link: none };

let release = async (): Promise<void> => {};
const FAULT_ROWS: readonly Fault[] = [
  {
    name: "none",
    begin: () => {}, // One that comes while the machine has other things to do is not held; it links, if its answer is in time for that.
    counts: { hit: all, parent: most },
  },
  {
    name: "refused",
    url: async () => `redis://127.0.0.1:${await freePort()}`,
    counts: { ...alone, unavailable: all, "write unavailable": all },
    line: /is away \(ECONNREFUSED\)/,
  },
  {
    name: "no answer to the connection",
    async url() {
      const fault = await (FAULTS["blackholed connect"] as (typeof FAULTS)[string])(() => {});
      release = () => fault.close();
      return fault.url.replace("http", "redis");
    },
    counts: { ...alone, unavailable: most },
    line: /is away \(Connection timeout\)/,
  },
  {
    name: "hangs from the start",
    before: ({ proxy }) => (proxy.weather = "hang"),
    counts: { ...alone, unavailable: most },
    line: /is away \(timeout\)/,
  },
  {
    name: "hangs midway",
    begin: ({ proxy }) => (proxy.weather = "hang"),
    // As many as go by within the second that it takes to be sure.
    counts: { ...alone, hit: none, timeout: some },
    line: /is away \(timeout\)/,
  },
  {
    name: "reset midway",
    begin: ({ proxy }) => proxy.reset(),
    // On a slow machine it is back before the last request.
    counts: { error: some, unavailable: some, link: none },
    line: /is away \((ECONNRESET|Socket closed unexpectedly)\)/,
  },
  {
    name: "slow (60 ms)",
    begin: ({ proxy }) => (proxy.weather = "slow"),
    path: "/wait",
    requests: 20,
    counts: { hit: all, parent: none, link: all },
  },
  {
    name: "no Redis at all",
    before: ({ proxy }) => (proxy.weather = "garbage"),
    counts: { ...alone, unavailable: most },
    line: /is away \(/,
  },
  {
    name: "wrong type",
    begin({ redis, ids }) {
      redis.cli("FLUSHALL");
      for (const id of ids) redis.cli("RPUSH", `redtrail:v1:default:${id}`, "a");
    },
    requests: 50,
    counts: { ...alone, error: all, "write kept": all },
    line: /answers WRONGTYPE; it is ignored/,
  },
  {
    name: "forged",
    env: { REDTRAIL_TRACE_STORE_SECRET: "ours" },
    begin({ redis, ids }) {
      const [ours, theirs] = ["ours", "theirs"].map((secret) => createRecordCodec("default", secret));
      for (const id of ids) redis.cli("SET", ours?.key(id) ?? "", theirs?.encode(ours?.key(id) ?? "", TRACE) ?? "");
    },
    requests: 50,
    counts: { ...alone, rejected: all, "write kept": all },
  },
  {
    name: "huge value",
    begin({ redis, ids }) {
      for (const id of ids) redis.cli("SETRANGE", `redtrail:v1:default:${id}`, "5000000", "x");
    },
    requests: 20,
    counts: { ...alone, rejected: all },
  },
  {
    name: "full",
    begin({ redis }) {
      redis.cli("FLUSHALL");
      redis.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
      redis.cli("CONFIG", "SET", "maxmemory", "1");
    },
    end: ({ redis }) => void redis.cli("CONFIG", "SET", "maxmemory", "0"),
    counts: { ...alone, miss: all, "write error": all },
    line: /answers OOM; it is ignored/,
  },
  {
    name: "wrong password",
    url: async () => `redis://redtrail:hunter2@127.0.0.1:${PORT}`,
    counts: { ...alone, unavailable: all },
    line: /is away \(WRONGPASS\)/,
  },
];

const skip = isInstalled("redis-server") ? false : lacks("there is no redis-server (npm run servers)");

describe("Shared storage that", { skip }, () => {
  let redis: OwnRedis;
  let off: RunningApp;
  const settings = {
    INDEX_FILE: join(PRELOAD, "../index.cjs"),
    OTEL_TRACES_EXPORTER: "none",
    REDTRAIL_TRACE_STORE_BUDGET: String(BUDGET_MS),
  };
  const app = "trace-store-app.cjs";

  before(async () => {
    redis = await startOwnRedis({ port: PORT });
    off = await runApp({ app, env: settings });
    await Promise.all(Array.from({ length: 300 }, (_, index) => fetch(`${off.url}/seen?${index}`)));
    console.log("      what happens                 requests  off p50/p99 ms  on p50/p99 ms  counted");
  });
  after(async () => {
    await off?.stop("SIGKILL");
    await redis?.kill();
  });

  for (const fault of FAULT_ROWS) {
    const { name, requests = REQUESTS, path = "/seen", counts, line } = fault;
    test(`${name}: every request is answered, none held beyond the budget, all counted`, async () => {
      redis.cli("FLUSHALL");
      const proxy = await startStoreProxy(PORT);
      const ids = Array.from({ length: requests }, (_, index) => `${name.replaceAll(/\W/g, "-")}-${index}`);
      const scene = { redis, proxy, ids };
      fault.before?.(scene);
      const url = (await fault.url?.(scene)) ?? `redis://127.0.0.1:${proxy.port}`;
      const on = await runApp({ app, env: { ...settings, REDTRAIL_TRACE_STORE_URL: url, ...fault.env } });
      try {
        await warmUp(on);
        if (fault.begin !== undefined) await until(async () => !(await isAway(on)));
        await writeRecords(redis.url, ids);
        fault.begin?.(scene);
        const before = await counted(on);
        const { offMs, onMs, statuses } = await measure(off, on, path, ids);
        // What is late is counted when it has come, or been given up.
        await until(async () => {
          const { total, inFlight } = await counted(on);
          return total - before.total >= requests && inFlight === 0;
        });
        const count = await counted(on, before);
        const figures = Object.entries(counts).map(([result]) => `${result} ${count.of(result)}`);
        console.log(
          `      ${name.padEnd(28)} ${String(requests).padStart(8)}  ${medianAndP99(offMs).padStart(14)}  ${medianAndP99(onMs).padStart(13)}  ${figures.join(", ")}`,
        );
        assert.deepEqual(new Set(statuses), new Set([200]));
        const [offSlow, onSlow] = [offMs, onMs].map(
          (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length * 0.95)] ?? 0,
        );
        assert.ok((onSlow ?? 0) - (offSlow ?? 0) < BUDGET_MS + NOISE_MS, `${offSlow} ${onSlow}`);
        for (const [result, isRight] of Object.entries(counts)) {
          assert.ok(isRight(count.of(result), requests), `${result}: ${count.of(result)} of ${requests}`);
        }
        if (line !== undefined)
          assert.equal(
            on
              .stderr()
              .split("\n")
              .filter((one) => line.test(one)).length,
            1,
            on.stderr(),
          );
        else assert.doesNotMatch(on.stderr(), /trace store/);
        assert.doesNotMatch(on.stderr(), /hunter2/);
      } finally {
        fault.end?.(scene);
        await on.stop("SIGKILL");
        await proxy.close();
        await release();
        release = async () => {};
      }
    });
  }

  test("is away for a while is found again, with a line for each", async () => {
    const own = await startOwnRedis({ port: PORT + 1 });
    const on = await runApp({ app, env: { ...settings, REDTRAIL_TRACE_STORE_URL: own.url } });
    try {
      await until(async () => !(await isAway(on)));
      await own.kill();
      await until(() => isAway(on));
      assert.equal((await fetch(`${on.url}/seen`, { headers: { "x-request-id": "away" } })).status, 200);
      await own.restart();
      await until(async () => !(await isAway(on)), 10_000);
      await writeRecords(own.url, ["back"]);
      await (await fetch(`${on.url}/seen`, { headers: { "x-request-id": "back" } })).text();
      assert.equal(
        sumOf(await on.scrape(), "redtrail_trace_store_found_total", { redtrail_trace_store_relation: "parent" }),
        1,
      );
      const lines = on
        .stderr()
        .split("\n")
        .filter((one) => one.includes("the trace store"));
      assert.equal(lines.length, 2, on.stderr());
      assert.match(lines[0] ?? "", new RegExp(`${own.url} is away \\(`));
      assert.match(lines[1] ?? "", new RegExp(`${own.url} works again`));
    } finally {
      await on.stop("SIGKILL");
      await own.kill();
    }
  });

  test("hangs does not hold up the end of a process by more than a quarter of a second", async () => {
    const proxy = await startStoreProxy(PORT);
    const on = await runApp({ app, env: { ...settings, REDTRAIL_TRACE_STORE_URL: `redis://127.0.0.1:${proxy.port}` } });
    await until(async () => !(await isAway(on)));
    proxy.weather = "hang";
    await (await fetch(`${on.url}/seen`)).text();
    const start = performance.now();
    const { signal } = await on.stop("SIGTERM");
    assert.equal(signal, "SIGTERM");
    assert.ok(performance.now() - start < 250 + 500);
    await proxy.close();
  });

  test("is well has the last request's trace when the process ends by a signal", async () => {
    const on = await runApp({ app, env: { ...settings, REDTRAIL_TRACE_STORE_URL: redis.url } });
    await until(async () => !(await isAway(on)));
    const response = await fetch(`${on.url}/seen`);
    await on.stop("SIGTERM");
    const id = response.headers.get("x-request-id");
    assert.match(redis.cli("GET", `redtrail:v1:default:${id}`), /^1;00-[0-9a-f]{32}-[0-9a-f]{16}-03;/);
  });
});

async function warmUp({ url }: RunningApp): Promise<void> {
  for (let i = 0; i < 300; i += 20) {
    await Promise.all(Array.from({ length: 20 }, async () => (await fetch(`${url}/seen`)).text()));
  }
}

/** As somebody else has written them before the request comes. */
async function writeRecords(url: string, ids: readonly string[]): Promise<void> {
  const { config } = readConfig({ REDTRAIL_TRACE_STORE_URL: url }, []);
  const store = createSharedTraces(config.traceStore)?.store;
  await store?.get("nothing");
  for (const id of ids) store?.set(id, TRACE);
  await store?.close(5_000);
}

/** Turn and turn about, so that both have the same machine. */
async function measure(
  off: RunningApp,
  on: RunningApp,
  path: string,
  ids: readonly string[],
): Promise<{ offMs: number[]; onMs: number[]; statuses: (number | undefined)[] }> {
  const agent = new Agent({ keepAlive: true });
  const [offMs, onMs]: [number[], number[]] = [[], []];
  const statuses: (number | undefined)[] = [];
  const call = (url: string, id: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      httpRequest(`${url}${path}`, { agent, headers: { "x-request-id": id } }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      })
        .on("error", reject)
        .end();
    });
  for (const id of ids) {
    for (const [{ url }, times] of [
      [off, offMs],
      [on, onMs],
    ] as const) {
      const start = performance.now();
      statuses.push(await call(url, id));
      times.push(performance.now() - start);
    }
  }
  agent.destroy();
  return { offMs, onMs, statuses };
}

interface Counted {
  readonly total: number;
  readonly inFlight: number;
  /** A read's result, `write <result>`, or `parent` and `link`. */
  of(result: string): number;
}

async function counted(app: RunningApp, before?: Counted): Promise<Counted> {
  const text = await app.scrape();
  return {
    total: sumOf(text, "redtrail_trace_store_operations_total", { redtrail_trace_store_operation: "read" }),
    inFlight: sumOf(text, "redtrail_trace_store_in_flight"),
    of(result) {
      const earlier = before?.of(result) ?? 0;
      if (result === "parent" || result === "link") {
        return sumOf(text, "redtrail_trace_store_found_total", { redtrail_trace_store_relation: result }) - earlier;
      }
      const [operation, name] = result.startsWith("write ") ? ["write", result.slice(6)] : ["read", result];
      const labels = { redtrail_trace_store_operation: operation, redtrail_trace_store_result: name };
      return sumOf(text, "redtrail_trace_store_operations_total", labels) - earlier;
    },
  };
}

async function isAway(app: RunningApp): Promise<boolean> {
  const samples = parseSamples(await app.scrape()).filter(({ name }) => name === "redtrail_trace_store_away");
  assert.equal(samples.length, 1);
  return samples[0]?.value === 1;
}

async function until(isSo: () => Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, "it has not come to pass");
    await wait(20);
  }
}
