// node:http2 as apps come by it: every way of loading it, over TLS beside HTTP/1, below frameworks and below fetch; and its settings.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { openHttp2 } from "../support/http2.ts";
import { FIXTURES, type RunningApp, runApp, runToEnd } from "../support/run-app.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const CA = join(FIXTURES, "tls/cert.pem");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;

async function withApp(
  app: readonly string[],
  settings: Readonly<Record<string, string>>,
  use: (app: RunningApp, zipkin: TestZipkin) => Promise<void>,
): Promise<void> {
  const zipkin = await startZipkin();
  const [fixture, ...args] = app as [string, ...string[]];
  const running = await runApp({
    app: [join(FIXTURES, fixture), ...args],
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, NODE_EXTRA_CA_CERTS: CA, ...settings },
  });
  try {
    await use(running, zipkin);
  } finally {
    await running.stop("SIGKILL");
    await zipkin.close();
  }
}

test("node:http2 is loaded by the app, or not at all", async () => {
  const code = "console.log(process.moduleLoadList.filter((name) => name.includes('http2/core')).length)";
  assert.equal((await runToEnd({ app: ["-e", code] })).stdout, "0\n");
});

for (const how of [
  "require",
  "require-node",
  "created-require",
  "builtin",
  "import",
  "import-default",
  "builtin-then-import",
  "promisified",
]) {
  test(`An app that gets node:http2 by ${how} has its requests and calls in one trace`, async () => {
    await withApp(["http2-load.cjs", how], {}, async (app, zipkin) => {
      const client = await openHttp2(app.url);
      const { body } = await client.ask("/", { headers: { "x-request-id": "id-1" } });
      const seen = JSON.parse(body) as Record<string, string>;
      assert.equal(seen["x-request-id"], "id-1");
      const spans = await zipkin.waitFor((all) => all.length >= 3);
      const call = spans.find(({ kind }) => kind === "CLIENT");
      assert.equal(seen["traceparent"], `00-${call?.traceId}-${call?.id}-03`);
      assert.equal(call?.tags["server.address"], "localhost");
      assert.equal(spans.length, 3);
      assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
      client.close();
    });
  });
}

for (const by of ["http2", "fetch"]) {
  test(`A call over TLS by ${by} is one CLIENT span, with what the callee says of itself`, async () => {
    await withApp(["http2-tls-app.mjs"], {}, async (app, zipkin) => {
      const client = await openHttp2(app.url, { ca: readFileSync(CA) });
      const { body, headers } = await client.ask(`/${by}`, { headers: { "x-request-id": "id-1" } });
      assert.equal(body, "2.0 id-1");
      assert.equal(headers["x-request-id"], "id-1");
      const spans = await zipkin.waitFor((all) => all.length >= 3);
      assert.equal(spans.length, 3);
      assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
      for (const { kind, tags } of spans) if (kind === "SERVER") assert.equal(tags["url.scheme"], "https");
      const call = spans.find(({ kind }) => kind === "CLIENT");
      assert.equal(spans.filter(({ kind }) => kind === "CLIENT").length, 1);
      assert.equal(call?.tags["url.full"], `${app.url}/inner`);
      assert.equal(call?.tags["redtrail.server.response_time"], "0.0015");
      assert.match(String(call?.tags["otel.link.0"]), /1{32}.*2{16}/);
      client.close();
    });
  });
}

test("A server of HTTP/2 that takes HTTP/1 too has one span of each request, with its own version", async () => {
  await withApp(["http2-tls-app.mjs"], {}, async (app, zipkin) => {
    const options = { ca: readFileSync(CA), headers: { "x-request-id": "id-1" }, agent: false } as const;
    const [response] = (await once(httpsGet(`${app.url}/inner`, options), "response")) as [IncomingMessage];
    assert.equal(await text(response), "1.1 id-1");
    assert.equal(response.headers["x-request-id"], "id-1");
    const client = await openHttp2(app.url, { ca: readFileSync(CA) });
    await client.ask("/inner");
    const spans = await zipkin.waitFor((all) => all.length >= 2);
    assert.deepEqual(
      spans.map(({ tags }) => tags["network.protocol.version"]),
      ["1.1", "2"],
    );
    client.close();
  });
});

for (const [framework, path] of [
  ["fastify", "/users/7"],
  ["koa", "/users/7"],
] as const) {
  test(`${framework} on HTTP/2 has one SERVER span with its route, and answers and sees the id`, async () => {
    await withApp(["http2-frameworks.mjs", framework], {}, async (app, zipkin) => {
      const client = await openHttp2(app.url);
      const { headers, body } = await client.ask(path, { headers: { "x-request-id": "id-1" } });
      assert.deepEqual(JSON.parse(body), { id: "id-1" });
      assert.equal(headers["x-request-id"], "id-1");
      const [span, ...more] = await zipkin.waitFor((all) => all.length >= 1);
      assert.equal(span?.tags["http.response.status_code"], "200");
      assert.equal(span?.tags["network.protocol.version"], "2");
      assert.equal(span?.tags["http.route"], "/users/:id");
      assert.deepEqual(more, []);
      client.close();
    });
  });
}

test("Calls of gRPC are requests of HTTP/2 where no instrumentation for them is on", async () => {
  await withApp(["grpc-app.cjs"], { OTEL_NODE_DISABLED_INSTRUMENTATIONS: "grpc" }, async (app, zipkin) => {
    const response = await fetch(app.url, { headers: { "x-request-id": "id-1" } });
    assert.equal(await response.text(), "hello id-1");
    const spans = await zipkin.waitFor((all) => all.length >= 3);
    const calls = spans.filter(({ tags }) => tags["network.protocol.version"] === "2");
    assert.equal(calls.filter(({ kind }) => kind === "CLIENT").length, 1);
    assert.equal(calls.filter(({ kind }) => kind === "SERVER").length, 1);
    assert.equal(calls.find(({ kind }) => kind === "SERVER")?.tags["url.path"], "/test.Echo/Say");
  });
});

test("Of a caller who is not trusted neither id nor trace is taken over HTTP/2", async () => {
  const settings = { REDTRAIL_REQUEST_ID_TRUST: "never", REDTRAIL_PROPAGATION_EXTRACT: "restart" };
  await withApp(["http2-app.mjs"], settings, async (app, zipkin) => {
    const client = await openHttp2(app.url);
    const { headers, body } = await client.ask("/seen-id", {
      headers: { "x-request-id": "theirs", traceparent: TRACEPARENT },
    });
    assert.match(body, /^[0-9a-f-]{36}$/);
    assert.equal(headers["x-request-id"], body);
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.notEqual(span?.traceId, TRACE);
    assert.match(String(span?.tags["otel.link.0"]), new RegExp(TRACE));
    client.close();
  });
});

test("Callers of the trusted networks are taken at their word over HTTP/2", async () => {
  const settings = { REDTRAIL_REQUEST_ID_TRUST: "internal", REDTRAIL_PROPAGATION_EXTRACT: "ignore" };
  await withApp(["http2-app.mjs"], settings, async (app, zipkin) => {
    const client = await openHttp2(app.url);
    await client.ask("/ok", { headers: { "x-request-id": "theirs", traceparent: TRACEPARENT } });
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.equal(span?.traceId, TRACE);
    assert.equal(span?.tags["http.request.id"], "theirs");
    client.close();
  });
});

test("A server that is no target gets no headers over HTTP/2, and its span is made", async () => {
  await withApp(["http2-app.mjs"], { REDTRAIL_PROPAGATION_TARGETS: "elsewhere" }, async (app, zipkin) => {
    const client = await openHttp2(app.url);
    const { body } = await client.ask("/call", { headers: { "x-request-id": "id-1" } });
    const { headers } = JSON.parse(body) as { headers: Record<string, string> };
    assert.equal(headers["traceparent"], undefined);
    assert.notEqual(headers["x-request-id"], "id-1");
    await zipkin.waitFor((all) => all.some(({ kind }) => kind === "CLIENT"));
    client.close();
  });
});

test("Listeners on a session itself run in the context of their streams", async () => {
  await withApp(["http2-app.mjs"], { ON_SESSION: "1" }, async (app, zipkin) => {
    const client = await openHttp2(app.url);
    const ids = ["id-1", "id-2"];
    await Promise.all(ids.map((id) => client.ask("/core/on-session", { headers: { "x-request-id": id } })));
    const spans = await zipkin.waitFor((all) => all.length >= 6);
    for (const id of ids) {
      const own = spans.filter(({ tags }) => tags["http.request.id"] === id);
      assert.equal(own.length, 3);
      assert.equal(new Set(own.map(({ traceId }) => traceId)).size, 1);
    }
    client.close();
  });
});

test("The request log has the requests of HTTP/2, answered or not", async () => {
  const env = { OTEL_TRACES_EXPORTER: "none", OTEL_TRACES_SAMPLER: "always_off", REDTRAIL_REQUEST_LOG: "console" };
  const app = await runApp({ app: "http2-app.mjs", env });
  const client = await openHttp2(app.url);
  await client.ask("/error", { headers: { "x-request-id": "id-1" } });
  await client.ask("/headers-then-hang", { onResponse: (stream) => stream.close(8) });
  // An answer after the reset shows that the reset has come.
  await client.ask("/core/ok");
  const { stdout } = await app.stop();
  client.close();
  const records = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    records.map((record) => [
      record["url.path"],
      record["http.version"],
      record["http.response.status_code"],
      record["event.outcome"],
    ]),
    [
      ["/error", "2", 503, "failure"],
      ["/headers-then-hang", "2", 200, "unknown"],
      ["/core/ok", "2", 201, "success"],
    ],
  );
  assert.equal(records[0]?.["http.request.id"], "id-1");
});

test("An app on HTTP/2 is as it would be without us when the instrumentation is off, also below fetch", async () => {
  const settings = { OTEL_NODE_DISABLED_INSTRUMENTATIONS: "http2,undici" };
  await withApp(["http2-tls-app.mjs"], settings, async (app, zipkin) => {
    const client = await openHttp2(app.url, { ca: readFileSync(CA) });
    for (const path of ["/http2", "/fetch"]) {
      const { body, headers } = await client.ask(path, { headers: { "x-request-id": "id-1" } });
      assert.equal(body, "2.0 undefined");
      assert.equal(headers["x-request-id"], undefined);
    }
    assert.deepEqual(zipkin.spans, []);
    client.close();
  });
});

test("Calls of fetch over HTTP/2 have no span when its instrumentation is off", async () => {
  await withApp(["http2-tls-app.mjs"], { OTEL_NODE_DISABLED_INSTRUMENTATIONS: "undici" }, async (app, zipkin) => {
    const client = await openHttp2(app.url, { ca: readFileSync(CA) });
    await client.ask("/fetch");
    const spans = await zipkin.waitFor((all) => all.length >= 2);
    assert.deepEqual(
      spans.map(({ kind }) => kind),
      ["SERVER", "SERVER"],
    );
    client.close();
  });
});
