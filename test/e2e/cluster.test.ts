// Clusters under the real preload: one port has the sum of all workers, whoever comes and goes.
//
//   client ──10,000 requests──> 4 workers ──IPC──> primary <──scrapes── test
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, get } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { type RunningApp, PRELOAD, runApp, spawnApp } from "../support/run-app.ts";
import { parseSamples, sumOf } from "../support/scrape.ts";

const COUNT = "http_server_request_duration_seconds_count";
const QUIET = { OTEL_TRACES_EXPORTER: "none" };

/** Sends so many requests over 16 connections; who answered how many. */
async function request(url: string, count: number): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let left = count;
  const sendSome = async (): Promise<void> => {
    while (left-- > 0) {
      const [response] = (await once(get(url, { agent }), "response")) as [IncomingMessage];
      const pid = await text(response);
      answers.set(pid, (answers.get(pid) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, sendSome));
  agent.destroy();
  return answers;
}

async function until(app: Pick<RunningApp, "child">, test: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(15_000);
  while (!test()) {
    const { stdout, stderr } = app.child;
    const heard = new AbortController();
    const signal = AbortSignal.any([deadline, heard.signal]);
    const data = [stdout, stderr].map((stream) => once(stream as NodeJS.ReadableStream, "data", { signal }));
    await Promise.race(data).finally(() => heard.abort());
  }
}

const matches = (read: string, pattern: RegExp): string[] => Array.from(read.matchAll(pattern), ([, one]) => one ?? "");

test("10,000 requests to four workers, one of which is ended and replaced, are 10,000 at the primary's port", async () => {
  const app = await runApp({ app: "cluster-app.cjs", env: QUIET });
  try {
    await until(app, () => matches(app.stderr(), /metrics (at the cluster's primary)/g).length === 4);
    const totals: number[] = [];
    const counting = new AbortController();
    const scraping = (async () => {
      while (!counting.signal.aborted) totals.push(sumOf(await app.scrape(), COUNT));
    })();
    const first = await request(app.url, 5_000);
    assert.equal(first.size, 4);
    const [pid = ""] = first.keys();
    process.kill(Number(pid), "SIGTERM");
    await until(app, () => app.stdout().includes(`exit ${pid} SIGTERM`) && app.stdout().includes("worker 5"));
    await request(app.url, 5_000);
    counting.abort();
    await scraping;
    const scrape = await app.scrape();
    assert.equal(sumOf(scrape, COUNT), 10_000);
    assert.deepEqual(
      totals,
      totals.toSorted((a, b) => a - b),
    );
    const workers = parseSamples(scrape).filter(({ name }) => name === "redtrail_cluster_members");
    assert.deepEqual(
      workers.map(({ value }) => value),
      [4],
    );
    assert.doesNotMatch(app.stdout(), /unexpected message/);
  } finally {
    await app.stop();
  }
});

test("Workers of a primary without redtrail share the port of the one that leads, and of the next when it ends", async () => {
  const port = String(await freePort());
  const env = { ...QUIET, OTEL_EXPORTER_PROMETHEUS_PORT: port, PRELOAD, OTEL_SERVICE_NAME: "pm2" };
  const app = spawnApp({ app: "cluster-pm2.cjs", env, nodeArgs: [] });
  const scrape = async (): Promise<string> => {
    for (;;) {
      try {
        return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      } catch {
        // Between two leaders nobody answers.
      }
    }
  };
  try {
    await until(app, () => matches(app.stderr(), /metrics (at the leading worker)/g).length === 2);
    const [leader = ""] = matches(app.stderr(), /leading worker \(process (\d+)\)/g);
    const [url = ""] = matches(app.stdout(), /listening (\S+)/g);
    await request(url, 100);
    assert.equal(sumOf(await scrape(), COUNT), 100);
    process.kill(Number(leader), "SIGTERM");
    await until(app, () => app.stderr().includes("serves the metrics of its cluster now"));
    await until(app, () => matches(app.stderr(), /metrics (at the leading worker)/g).length === 3);
    await request(url, 100);
    assert.equal(sumOf(await scrape(), COUNT), 200);
  } finally {
    await app.stop();
  }
});
