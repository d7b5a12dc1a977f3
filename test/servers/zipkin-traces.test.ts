// What real Zipkin makes of our spans: the graph of services, errors, and traces that others have begun.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { lacksServers } from "../support/servers.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const skip = await lacksServers();
const RUN = process.pid;

async function startApp(t: TestContext, service: string, env: Record<string, string> = {}): Promise<RunningApp> {
  const app = await runApp({ app: "dependency-app.cjs", env: { OTEL_SERVICE_NAME: service, ...env } });
  t.after(() => app.stop("SIGKILL"));
  return app;
}

/** A server that nobody instruments, by a name and not an address: Zipkin draws services. */
async function startFailing(t: TestContext): Promise<string> {
  const server = createServer((_, response) => response.writeHead(500).end()).listen(0, "localhost");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://localhost:${(server.address() as AddressInfo).port}/`;
}

interface Dependency {
  readonly parent: string;
  readonly child: string;
  readonly callCount: number;
  readonly errorCount?: number;
}

async function untilFound<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 100; i++) {
    const found = await ask();
    if (found !== undefined) return found;
    await wait(100);
  }
  throw new Error("Zipkin does not have what was waited for");
}

async function dependenciesOf(parents: readonly string[], count: number): Promise<Dependency[]> {
  return untilFound(async () => {
    const url = `${ZIPKIN_URL}/api/v2/dependencies?endTs=${Date.now() + 60_000}&lookback=3600000`;
    const all = (await (await fetch(url)).json()) as Dependency[];
    const ours = all.filter(({ parent }) => parents.includes(parent));
    const calls = ours.reduce((sum, { callCount }) => sum + callCount, 0);
    return calls >= count ? ours.toSorted((a, b) => (a.child < b.child ? -1 : 1)) : undefined;
  });
}

test(
  "Zipkin finds a trace that was kept for its failure by its tag, and those that were not are not there",
  { skip },
  async (t) => {
    const service = `kept-${RUN}`;
    const app = await startApp(t, service, {
      CALLS: await startFailing(t),
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
      REDTRAIL_SAMPLING_KEEP_ERRORS: "true",
    });
    const quiet = await startApp(t, service, {
      OTEL_TRACES_SAMPLER: "parentbased_always_off",
      REDTRAIL_SAMPLING_KEEP_ERRORS: "true",
    });
    for (const { url } of [quiet, app, quiet]) await (await fetch(url)).text();
    await quiet.stop();
    const tracesOf = async (query: string): Promise<ZipkinSpan[][]> =>
      (await (await fetch(`${ZIPKIN_URL}/api/v2/traces?serviceName=${service}&${query}`)).json()) as ZipkinSpan[][];
    const [trace] = await untilFound(async () => {
      const found = await tracesOf("annotationQuery=redtrail.sampling.kept%3Derror");
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(trace?.map(({ kind }) => kind).toSorted(), ["CLIENT", "SERVER"]);
    assert.equal((await tracesOf("limit=10")).length, 1);
  },
);

test(
  "Zipkin's graph has app -> app, app -> redis and app -> an uninstrumented host, whose 500s are errors",
  { skip },
  async (t) => {
    const [front, back] = [`front-${RUN}`, `back-${RUN}`];
    const failing = await startFailing(t);
    const backend = await startApp(t, back, { CALLS: failing, REDIS_PORT: String(REDIS_PORT) });
    const frontend = await startApp(t, front, { CALLS: backend.url });
    const id = `graph-${RUN}`;
    for (let i = 0; i < 3; i++) await (await fetch(frontend.url, { headers: { "x-request-id": id } })).text();

    assert.deepEqual(
      await dependenciesOf([front, back], 9),
      [
        { parent: front, child: back, callCount: 3 },
        { parent: back, child: "localhost", callCount: 3, errorCount: 3 },
        { parent: back, child: "redis.test", callCount: 3 },
      ].toSorted((a, b) => (a.child < b.child ? -1 : 1)),
    );

    const query = encodeURIComponent(`http.request.id=${id}`);
    const traces = (await (
      await fetch(`${ZIPKIN_URL}/api/v2/traces?annotationQuery=${query}`)
    ).json()) as ZipkinSpan[][];
    assert.equal(traces.length, 3, "found by its request id");
    const failed = traces[0]?.filter(({ tags }) => "error" in tags) ?? [];
    assert.deepEqual(
      failed.map((span) => [span.kind, span.localEndpoint.serviceName, span.tags["http.response.status_code"]]),
      [["CLIENT", back, "500"]],
    );
  },
);

test("A trace that a peer with B3 and ids of 64 bits has begun stays one trace, with one edge", { skip }, async (t) => {
  const service = `b3-${RUN}`;
  const app = await startApp(t, service, { OTEL_PROPAGATORS: "b3multi,requestid" });
  const traceId = BigInt(RUN * 1_000_003 + 1)
    .toString(16)
    .padStart(16, "1");
  const clientId = "00000000000000c1";
  const b3 = { "x-b3-traceid": traceId, "x-b3-spanid": clientId, "x-b3-sampled": "1" };
  await (await fetch(app.url, { headers: b3 })).text();
  // As Brave reports its half of the call, under the id that it has sent.
  const now = Date.now() * 1_000;
  const half = {
    ...{ traceId, id: clientId, kind: "CLIENT", name: "get", timestamp: now, duration: 5_000 },
    localEndpoint: { serviceName: `brave-${RUN}` },
    remoteEndpoint: { serviceName: service },
  };
  await fetch(`${ZIPKIN_URL}/api/v2/spans`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([half]),
  });
  const spans = await untilFound(async () => {
    const response = await fetch(`${ZIPKIN_URL}/api/v2/trace/${traceId}`);
    const found = response.ok ? ((await response.json()) as ZipkinSpan[]) : [];
    return found.length >= 2 ? found : undefined;
  });
  const found = spans.map(({ traceId: id, kind, parentId }) => `${id} ${kind} ${parentId}`);
  assert.deepEqual(
    found.toSorted((a, b) => (a < b ? -1 : 1)),
    [`${traceId} CLIENT undefined`, `${traceId} SERVER ${clientId}`],
  );
  assert.deepEqual(await dependenciesOf([`brave-${RUN}`], 1), [
    { parent: `brave-${RUN}`, child: service, callCount: 1 },
  ]);
});
