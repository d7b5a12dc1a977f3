// What goes in and out of a plain app by its headers, under the built preload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

const T = "0af7651916cd43dd8448eb211c80319c";
const S = "b7ad6b7169203331";
const TRACEPARENT = `00-${T}-${S}-01`;

type Zipkin = Awaited<ReturnType<typeof startZipkin>>;

async function withApp(
  settings: Readonly<Record<string, string>>,
  use: (app: RunningApp, zipkin: Zipkin) => Promise<void>,
): Promise<void> {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: "propagation-app.cjs",
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, ...settings },
  });
  try {
    await use(app, zipkin);
  } finally {
    await app.stop("SIGKILL");
    await zipkin.close();
  }
}

/** The headers that the app's own call brought to the app. */
async function headersOfCall(
  app: RunningApp,
  by: "http" | "fetch",
  headers: Record<string, string>,
  host = "127.0.0.1",
): Promise<Record<string, string>> {
  const target = app.url.replace("127.0.0.1", host);
  const response = await fetch(`${app.url}/${by}?${target}/`, { headers });
  return (await response.json()) as Record<string, string>;
}

for (const by of ["http", "fetch"] as const) {
  test(`Every propagator's headers go out by ${by}, of one trace`, async () => {
    const OTEL_PROPAGATORS = "tracecontext,baggage,requestid,b3,b3multi,xray,jaeger,ottrace,legacy,peer";
    await withApp({ OTEL_PROPAGATORS, OTEL_SERVICE_NAME: "shop" }, async (app, zipkin) => {
      const sent = await headersOfCall(app, by, { "x-trace-id": T, "x-span-id": S, "x-request-id": "id-1" });
      const spans = await zipkin.waitFor((all) => all.length === 3);
      const call = spans.find(({ kind }) => kind === "CLIENT");
      const id = call?.id;
      assert.equal(call?.traceId, T);
      assert.deepEqual(
        Object.fromEntries(
          Object.entries(sent).filter(([name]) => !/^(host|connection|accept|user-agent|sec-)/.test(name)),
        ),
        {
          traceparent: `00-${T}-${id}-01`,
          b3: `${T}-${id}-1`,
          "x-b3-traceid": T,
          "x-b3-spanid": id,
          "x-b3-sampled": "1",
          "x-amzn-trace-id": `Root=1-${T.slice(0, 8)}-${T.slice(8)};Parent=${id};Sampled=1`,
          "uber-trace-id": `${T}:${id}:0:01`,
          "ot-tracer-traceid": T.slice(16),
          "ot-tracer-spanid": id,
          "ot-tracer-sampled": "true",
          "x-trace-id": T,
          "x-span-id": id,
          "x-parent-span-id": call?.parentId,
          "x-sampled": "1",
          "x-peer-service": "shop",
          "x-peer-host": sent["x-peer-host"],
          "x-peer-port": new URL(app.url).port,
          "x-request-id": "id-1",
        },
      );
      const inner = spans.find(({ kind, parentId }) => kind === "SERVER" && parentId === id);
      assert.equal(inner?.tags["service.peer.name"] ?? inner?.remoteEndpoint?.serviceName, "shop");
    });
  });

  test(`What an app passes on of another trace by ${by} is not left beside the call's own`, async () => {
    const OTEL_PROPAGATORS = "tracecontext,baggage,requestid,b3multi";
    // The app's traces begin here; the headers that it passes on are the caller's.
    const settings = { OTEL_PROPAGATORS, REDTRAIL_REQUEST_ID_TRUST: "never", REDTRAIL_PROPAGATION_EXTRACT: "ignore" };
    await withApp(settings, async (app) => {
      const old = { traceparent: TRACEPARENT, tracestate: "old=1", "x-b3-flags": "1", baggage: "kept=1" };
      const call = await headersOfCall(app, by, { ...old, "x-pass-on": "1" });
      assert.doesNotMatch(call["traceparent"] ?? "", new RegExp(T));
      assert.equal(call["tracestate"], undefined);
      assert.equal(call["x-b3-flags"], undefined);
      assert.equal(call["baggage"], "kept=1");
    });
  });

  test(`A server that is no target gets no headers by ${by}, and its span is made`, async () => {
    await withApp({ REDTRAIL_PROPAGATION_TARGETS: "localhost" }, async (app, zipkin) => {
      const headers = { "x-request-id": "id-1", traceparent: TRACEPARENT };
      const away = await headersOfCall(app, by, headers);
      assert.equal(away["traceparent"], undefined);
      assert.notEqual(away["x-request-id"], "id-1");
      const spans = await zipkin.waitFor((all) => all.length === 3);
      assert.equal(spans.filter(({ traceId }) => traceId === T).length, 2);
      const home = await headersOfCall(app, by, headers, "localhost");
      assert.match(home["traceparent"] ?? "", new RegExp(`^00-${T}-`));
      assert.equal(home["x-request-id"], "id-1");
    });
  });
}

test("Of a caller who is not trusted neither id nor trace is taken, and the app sees the new id", async () => {
  const settings = { REDTRAIL_REQUEST_ID_TRUST: "never", REDTRAIL_PROPAGATION_EXTRACT: "restart" };
  await withApp(settings, async (app, zipkin) => {
    const headers = { "x-request-id": "theirs", "x-correlation-id": "theirs too", traceparent: TRACEPARENT };
    const response = await fetch(`${app.url}/`, { headers });
    const seen = (await response.json()) as Record<string, string>;
    assert.match(seen["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(response.headers.get("x-request-id"), seen["x-request-id"]);
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.notEqual(span?.traceId, T);
    assert.equal(span?.parentId, undefined);
  });
});

test("Callers of the trusted networks are taken at their word", async () => {
  const settings = { REDTRAIL_REQUEST_ID_TRUST: "internal", REDTRAIL_PROPAGATION_EXTRACT: "ignore" };
  await withApp(settings, async (app, zipkin) => {
    await fetch(`${app.url}/`, { headers: { "x-request-id": "theirs", traceparent: TRACEPARENT } });
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.equal(span?.traceId, T);
    assert.equal(span?.tags["http.request.id"], "theirs");
  });
});

test("The request id is taken from the headers that settings name, and sent by the first of them", async () => {
  await withApp({ REDTRAIL_REQUEST_ID_HEADERS: "x-call-id,request-id" }, async (app) => {
    const response = await fetch(`${app.url}/`, { headers: { "request-id": "id-1", "x-request-id": "not asked" } });
    assert.equal(response.headers.get("x-call-id"), "id-1");
    assert.equal(response.headers.get("x-request-id"), null);
    const call = await headersOfCall(app, "http", { "x-call-id": "<bad>", "request-id": "id-2" });
    assert.equal(call["x-call-id"], "id-2");
  });
});

for (const path of ["/", "/array"]) {
  test(`The response of ${path} carries its trace and its time, when it shall`, async () => {
    await withApp({ REDTRAIL_SERVER_TIMING: "true", REDTRAIL_RESPONSE_TIME: "true" }, async (app, zipkin) => {
      const { headers } = await fetch(app.url + path);
      const [span] = await zipkin.waitFor((all) => all.length === 1);
      assert.equal(headers.get("server-timing"), `trace;desc=00-${span?.traceId}-${span?.id}-01`);
      assert.match(headers.get("x-response-time") ?? "", /^\d+\.\d{3}ms$/);
      assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    });
  });
}

test("OTEL_SDK_DISABLED passes headers on as they came", async () => {
  const OTEL_PROPAGATORS = "tracecontext,b3,legacy,requestid";
  await withApp({ OTEL_SDK_DISABLED: "true", OTEL_PROPAGATORS }, async (app) => {
    const headers = { b3: `${T}-${S}`, "x-request-id": "id-1" };
    const call = await headersOfCall(app, "fetch", headers);
    assert.equal(call["b3"], `${T}-${S}`);
    assert.equal(call["x-trace-id"], T);
    assert.equal(call["x-span-id"], S);
    assert.equal(call["x-request-id"], "id-1");
    // A decision without a trace.
    for (const decision of ["0", "1", "d"]) {
      const decided = await headersOfCall(app, "fetch", { b3: decision });
      assert.equal(decided["b3"], decision);
      assert.equal(decided["traceparent"], undefined);
    }
    assert.equal((await headersOfCall(app, "fetch", {}))["b3"], undefined);
  });
});
