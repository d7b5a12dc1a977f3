// Services that share traces by request id, in one process under the built preload, on both engines.
//
//   caller ──POST /relay──> app ──plain socket, X-Request-ID alone──> app POST /seen
//                           SERVER <────────── found in the store ─── SERVER
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { FIXTURES, PRELOAD, type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const INDEX = join(PRELOAD, "../index.cjs");

async function withApp(
  settings: Readonly<Record<string, string>>,
  use: (app: RunningApp, spansOf: (id: string, count: number) => Promise<ZipkinSpan[]>) => Promise<void>,
): Promise<void> {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: "trace-store-app.cjs",
    env: {
      INDEX_FILE: INDEX,
      OTEL_SERVICE_NAME: "shop",
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      REDTRAIL_TRACE_STORE_URL: "memory:",
      ...settings,
    },
  });
  try {
    await use(app, spansIn(zipkin));
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
}

function spansIn(zipkin: TestZipkin): (id: string, count: number) => Promise<ZipkinSpan[]> {
  return async (id, count) => {
    const of = (all: readonly ZipkinSpan[]): ZipkinSpan[] => all.filter(({ tags }) => tags["http.request.id"] === id);
    return of(await zipkin.waitFor((all) => of(all).length >= count));
  };
}

const byPath = (spans: readonly ZipkinSpan[], path: string): ZipkinSpan => {
  const found = spans.find(({ kind, tags }) => kind === "SERVER" && tags["url.path"] === path);
  assert.ok(found, path);
  return found;
};

for (const engine of ["native", "node-sdk"] as const) {
  describe(`engine ${engine}`, () => {
    let zipkin: TestZipkin;
    let app: RunningApp;
    let spansOf: (id: string, count: number) => Promise<ZipkinSpan[]>;

    before(async () => {
      zipkin = await startZipkin();
      spansOf = spansIn(zipkin);
      app = await runApp({
        app: join(FIXTURES, "trace-store-app.cjs"),
        env: {
          REDTRAIL_ENGINE: engine,
          INDEX_FILE: INDEX,
          OTEL_SERVICE_NAME: "shop",
          OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
          REDTRAIL_TRACE_STORE_URL: "memory:",
        },
      });
    });
    after(async () => {
      await app.stop("SIGKILL");
      await zipkin.close();
    });

    test("A service that got only an X-Request-ID joins the trace of the one that holds it", async () => {
      const response = await fetch(`${app.url}/relay?${app.url}/seen`);
      const text = await response.text();
      const id = response.headers.get("x-request-id") as string;
      assert.equal(text, `seen ${id}`);
      const spans = await spansOf(id, 2);
      const [relay, seen] = [byPath(spans, "/relay"), byPath(spans, "/seen")];
      assert.equal(seen.traceId, relay.traceId);
      assert.equal(seen.parentId, relay.id);
      assert.equal(seen.tags["service.peer.name"], "shop");
      assert.ok(seen.timestamp >= relay.timestamp && seen.duration <= relay.duration);
    });

    test("A job that knows only a request id runs in its trace", async () => {
      const id = `job-${engine}`;
      await fetch(`${app.url}/seen`, { headers: { "x-request-id": id } });
      app.child.send({ id });
      const spans = await spansOf(id, 2);
      const job = spans.find(({ kind }) => kind === "CONSUMER");
      assert.equal(job?.parentId, byPath(spans, "/seen").id);
      assert.equal(job?.name, "job");
      assert.equal(job?.tags["job.kind"], "nightly");
      assert.equal(job?.tags["service.peer.name"], "shop");
      assert.match(app.stdout(), new RegExp(`did ${id}\n`));
    });

    test("What a handler throws is an uncaught exception, as without a store", async () => {
      const id = `throw-${engine}`;
      const response = await fetch(`${app.url}/throw`, { headers: { "x-request-id": id } });
      assert.equal(await response.text(), "oh");
      await spansOf(id, 1);
      assert.match(app.stdout(), /uncaughtException: of the app\n/);
      assert.doesNotMatch(app.stdout(), /unhandledRejection/);
    });

    test("Its own metrics tell what was found", async () => {
      const text = await app.scrape();
      const operations = (operation: string, result: string): number =>
        sumOf(text, "redtrail_trace_store_operations_total", {
          redtrail_trace_store_operation: operation,
          redtrail_trace_store_result: result,
        });
      assert.equal(operations("read", "hit"), 2);
      assert.ok(operations("read", "miss") >= 2);
      assert.ok(operations("write", "written") >= 2);
      assert.equal(sumOf(text, "redtrail_trace_store_found_total", { redtrail_trace_store_relation: "parent" }), 2);
    });

    test("The start line names the store", () => {
      assert.match(app.stderr(), /, traces shared in memory\n/);
    });
  });
}

const relayed = async (app: RunningApp): Promise<string> => {
  const response = await fetch(`${app.url}/relay?${app.url}/seen`);
  await response.text();
  return response.headers.get("x-request-id") as string;
};

test("In mode link nobody waits, and the span links to what is found", () =>
  withApp({ REDTRAIL_TRACE_STORE_MODE: "link" }, async (app, spansOf) => {
    const id = await relayed(app);
    const spans = await spansOf(id, 2);
    const [relay, seen] = [byPath(spans, "/relay"), byPath(spans, "/seen")];
    assert.notEqual(seen.traceId, relay.traceId);
    assert.equal(seen.tags["service.peer.name"], "shop");
    assert.equal(
      sumOf(await app.scrape(), "redtrail_trace_store_found_total", { redtrail_trace_store_relation: "link" }),
      1,
    );
  }));

test("In mode write nothing is asked", () =>
  withApp({ REDTRAIL_TRACE_STORE_MODE: "write" }, async (app, spansOf) => {
    const id = await relayed(app);
    const spans = await spansOf(id, 2);
    assert.notEqual(byPath(spans, "/seen").traceId, byPath(spans, "/relay").traceId);
    assert.equal(
      sumOf(await app.scrape(), "redtrail_trace_store_operations_total", { redtrail_trace_store_operation: "read" }),
      0,
    );
  }));

test("A trace that is not sampled is shared as such, also when nothing counts spans", () =>
  withApp(
    { OTEL_TRACES_SAMPLER: "parentbased_always_off", OTEL_METRICS_EXPORTER: "none", REDTRAIL_SERVER_TIMING: "true" },
    async (app) => {
      const traceOf = async (): Promise<string[]> => {
        const response = await fetch(`${app.url}/seen`, { headers: { "x-request-id": "unsampled" } });
        return (response.headers.get("server-timing") ?? "").split("-");
      };
      const [first, second] = [await traceOf(), await traceOf()];
      assert.equal(first[3], "00");
      assert.deepEqual([second[1], second[3]], [first[1], "00"]);
      assert.notEqual(second[2], first[2]);
    },
  ));

test("Who is not trusted joins nothing, whatever id it knows", () =>
  withApp(
    {
      REDTRAIL_REQUEST_ID_TRUST: "accept",
      REDTRAIL_PROPAGATION_EXTRACT: "restart",
      REDTRAIL_TRUSTED_CIDRS: "10.0.0.0/8",
    },
    async (app, spansOf) => {
      const id = await relayed(app);
      const spans = await spansOf(id, 2);
      assert.notEqual(byPath(spans, "/seen").traceId, byPath(spans, "/relay").traceId);
      assert.equal(
        sumOf(await app.scrape(), "redtrail_trace_store_operations_total", { redtrail_trace_store_operation: "read" }),
        0,
      );
    },
  ));

test("A URL that is none is one line, without its password, and the store is off", () =>
  withApp({ REDTRAIL_TRACE_STORE_URL: "http://user:hunter2@host" }, async (app) => {
    assert.match(await (await fetch(`${app.url}/relay?${app.url}/seen`)).text(), /^seen /);
    assert.match(app.stderr(), /REDTRAIL_TRACE_STORE_URL="[^"]*" is not redis:\/\/[^\n]*; the store is off\n/);
    assert.doesNotMatch(app.stderr(), /hunter2|traces shared/);
  }));
