// Every way in which a backend can fail, for both push exporters: nothing is lost within the bounds, everything is counted
// beyond them, the app does not feel it, and the process ends in time.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createBulkHandler, readBody } from "../support/fake-elasticsearch.ts";
import { FAULTS, type FaultServer, type Handle, redirected } from "../support/fault-server.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";

const QUEUE = 400;
const SHUTDOWN_MS = 1_000;
/** Retries of a refused credential or a redirect come once a minute. */
const HEALED_WITHIN_MS = 90_000;

interface Backend {
  readonly handle: Handle;
  /** Ids that have arrived, each once. */
  readonly ids: () => ReadonlySet<string>;
}

interface Exporter {
  readonly name: string;
  readonly noun: "span" | "log";
  readonly env: (url: string, caFile: string | undefined) => Record<string, string>;
  readonly createBackend: () => Backend;
}

const zipkin: Exporter = {
  name: "Zipkin",
  noun: "span",
  env: (url, caFile) => ({
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${url}/api/v2/spans`,
    OTEL_EXPORTER_ZIPKIN_TIMEOUT: "1000",
    OTEL_BSP_MAX_QUEUE_SIZE: String(QUEUE),
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "100",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    ...(caFile === undefined ? {} : { REDTRAIL_ZIPKIN_CA_FILE: caFile }),
  }),
  createBackend: () => {
    const ids = new Set<string>();
    const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      for (const { id } of JSON.parse(await readBody(request)) as { id: string }[]) ids.add(id);
      response.writeHead(202).end();
    };
    return { handle: (request, response) => void handle(request, response), ids: () => ids };
  },
};

const elasticsearch: Exporter = {
  name: "Elasticsearch",
  noun: "log",
  env: (url, caFile) => ({
    OTEL_TRACES_EXPORTER: "none",
    REDTRAIL_REQUEST_LOG: "elasticsearch",
    REDTRAIL_ELASTICSEARCH_URL: url,
    REDTRAIL_ELASTICSEARCH_TIMEOUT: "1000",
    REDTRAIL_REQUEST_LOG_QUEUE_SIZE: String(QUEUE),
    REDTRAIL_REQUEST_LOG_BATCH_SIZE: "100",
    REDTRAIL_REQUEST_LOG_DELAY: "100",
    ...(caFile === undefined ? {} : { REDTRAIL_ELASTICSEARCH_CA_FILE: caFile }),
  }),
  createBackend: () => {
    const { documents, handle } = createBulkHandler();
    return { handle: (request, response) => void handle(request, response), ids: () => new Set(documents.keys()) };
  },
};

/** What a server that answers so has refused for good: that is counted, and not kept. */
const REFUSED: ReadonlySet<string> = new Set(["400"]);
/** What a server that answers so has taken, by Zipkin's word, which is the status alone. */
const TAKEN_BY_ZIPKIN: ReadonlySet<string> = new Set(["closes in the middle of the body", "huge answer"]);

async function traffic(app: RunningApp, count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < count; i += 4) {
    await Promise.all(
      [0, 1, 2, 3].map(async () => {
        const start = performance.now();
        await (await fetch(`${app.url}/`)).text();
        latencies.push(performance.now() - start);
      }),
    );
    await wait(10);
  }
  return latencies;
}

function p99(latencies: readonly number[]): string {
  return (latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? 0).toFixed(1);
}

function residentMb(app: RunningApp): number {
  const pages = Number(readFileSync(`/proc/${app.child.pid}/statm`, "utf8").split(" ")[1]);
  return (pages * 4_096) / 1e6;
}

interface Books {
  readonly sent: number;
  readonly queued: number;
  readonly dropped: Record<string, number>;
}

async function books(app: RunningApp, noun: string): Promise<Books> {
  const text = await app.scrape();
  const of = (reason: string | undefined): number =>
    sumOf(text, `otel_sdk_exporter_${noun}_exported_total`, { error_type: reason });
  return {
    sent: of(undefined),
    queued: sumOf(text, `otel_sdk_processor_${noun}_queue_size`),
    dropped: { queue_full: of("queue_full"), rejected: of("rejected"), too_large: of("too_large") },
  };
}

function total({ sent, queued, dropped }: Books): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, sent + queued);
}

for (const exporter of [zipkin, elasticsearch]) {
  describe(`${exporter.name} that fails`, { concurrency: 6 }, () => {
    for (const [fault, start] of Object.entries(FAULTS)) {
      test(`: ${fault}`, { timeout: 240_000 }, async (t) => {
        const backend = exporter.createBackend();
        const server: FaultServer = await start(backend.handle);
        const app = await runApp({
          app: "lifecycle-app.cjs",
          env: { ...exporter.env(server.url, server.caFile), REDTRAIL_SHUTDOWN_TIMEOUT: String(SHUTDOWN_MS) },
        });
        t.after(async () => {
          app.child.kill("SIGKILL");
          await server.close();
        });
        // lifecycle-app has asked itself once: one span of the client, and one of the server, which is also a record.
        const before = exporter.noun === "span" ? 2 : 1;
        const calm = await traffic(app, 100);
        const within = before + 100 + 100;
        const failing = await traffic(app, 100);
        await wait(1_500);

        const isRefused = REFUSED.has(fault);
        const isTaken = exporter === zipkin && TAKEN_BY_ZIPKIN.has(fault);
        const during = await books(app, exporter.noun);
        assert.equal(total(during), within, JSON.stringify(during));
        const lost = during.dropped["queue_full"] ?? 0;
        assert.equal(lost, 0, "nothing is lost within the bound");
        if (isRefused) assert.ok((during.dropped["rejected"] ?? 0) > 0, "refused, and counted");

        const heap = residentMb(app);
        const flood = await traffic(app, 2 * QUEUE);
        await wait(1_200);
        const beyond = await books(app, exporter.noun);
        assert.equal(total(beyond), within + 2 * QUEUE, JSON.stringify(beyond));
        assert.ok(beyond.queued <= QUEUE, "the bound holds");
        const grown = residentMb(app) - heap;
        assert.ok(grown < 64, `${grown} MB more`);
        t.diagnostic(
          `p99 ms of the app: ${p99(calm)} at first, ${p99(failing)} and ${p99(flood)} while it fails; memory +${grown.toFixed(0)} MB; ${JSON.stringify(beyond)}`,
        );

        if (server.heal !== undefined && fault !== "413") {
          await server.heal();
          const healedAt = performance.now();
          const isOver = async (): Promise<boolean> => (await books(app, exporter.noun)).queued === 0;
          while (!(await isOver()) && performance.now() - healedAt < HEALED_WITHIN_MS) await wait(200);
          const after = await books(app, exporter.noun);
          assert.equal(after.queued, 0, "everything was delivered once it could be");
          assert.equal(total(after), within + 2 * QUEUE);
          if (!isTaken) assert.equal(backend.ids().size, after.sent, "what counts as sent has arrived, once");
          t.diagnostic(`healed: all delivered after ${((performance.now() - healedAt) / 1_000).toFixed(1)} s`);
        } else if (fault === "413") {
          assert.deepEqual(
            [beyond.dropped["too_large"], beyond.queued],
            [0, 0],
            "in smaller batches all of it went out",
          );
          assert.equal(backend.ids().size, beyond.sent);
        }
        assert.deepEqual(redirected, [], "no redirect was followed");

        // The end, in the middle of the fault where it cannot be healed.
        const stopping = performance.now();
        const { signal } = await app.stop("SIGTERM");
        const took = performance.now() - stopping;
        assert.equal(signal, "SIGTERM");
        assert.ok(took < SHUTDOWN_MS + 1_500, `the end took ${took.toFixed(0)} ms`);
        t.diagnostic(`ended ${took.toFixed(0)} ms after SIGTERM`);
      });
    }
  });
}

describe("a process that ends while its backend fails", { concurrency: 6 }, () => {
  for (const exporter of [zipkin, elasticsearch]) {
    for (const [fault, start] of Object.entries(FAULTS)) {
      test(`${exporter.name}, ${fault}: within the deadline, and says what is lost`, { timeout: 60_000 }, async (t) => {
        const server = await start(exporter.createBackend().handle);
        const app = await runApp({
          app: "lifecycle-app.cjs",
          env: { ...exporter.env(server.url, undefined), REDTRAIL_SHUTDOWN_TIMEOUT: String(SHUTDOWN_MS) },
        });
        t.after(async () => {
          app.child.kill("SIGKILL");
          await server.close();
        });
        await traffic(app, 20);
        const stopping = performance.now();
        const { signal, stderr } = await app.stop("SIGTERM");
        const took = performance.now() - stopping;
        assert.equal(signal, "SIGTERM");
        assert.ok(took < SHUTDOWN_MS + 1_500, `the end took ${took.toFixed(0)} ms`);
        const taken = /413|huge|body/.test(fault);
        if (!taken) assert.match(stderr, /were not delivered before the process ended|they were dropped/);
      });
    }
  }
});
