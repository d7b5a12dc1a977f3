// What only upstream's NodeSDK has: OTLP, and a NodeSDK of the app's own that is built of redtrail's parts.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { runApp, spawnApp } from "../support/run-app.ts";
import { startElasticsearch } from "../support/fake-elasticsearch.ts";
import { startZipkin } from "../support/zipkin.ts";

test("otlp named as exporter of traces and metrics chooses the engine node-sdk, and both arrive", async () => {
  const bodies: Record<string, string> = {};
  const server = createServer(async (request, response) => {
    bodies[request.url as string] = (bodies[request.url as string] ?? "") + (await text(request));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  const app = await runApp({
    app: "express-app.cjs",
    env: {
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_METRICS_EXPORTER: "otlp,prometheus",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_METRIC_EXPORT_TIMEOUT: "200",
    },
  });
  assert.match(app.stderr(), /engine node-sdk, metrics at \S+ and to otlp, spans to otlp\n/);
  await (await fetch(`${app.url}/users/1`, { headers: { "x-request-id": "id-otlp" } })).text();
  while (!bodies["/v1/traces"]?.includes("id-otlp") || !bodies["/v1/metrics"]?.includes("/users/:id"))
    await once(server, "request");
  assert.ok(bodies["/v1/metrics"].includes('"http.server.request.duration"'));
  await app.stop();
});

test("A NodeSDK of the app's own works with redtrail's parts, the request log among them", async (t) => {
  const zipkin = await startZipkin();
  const elasticsearch = await startElasticsearch(t);
  const app = spawnApp({
    app: "own-node-sdk.cjs",
    nodeArgs: [],
    env: {
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
      REDTRAIL_REQUEST_LOG: "elasticsearch",
      REDTRAIL_ELASTICSEARCH_URL: elasticsearch.url,
    },
  });
  while (!app.stdout().includes("listening ")) await once(app.child.stdout as NodeJS.ReadableStream, "data");
  const url = /listening (\S+)/.exec(app.stdout())?.[1] as string;
  const response = await fetch(`${url}/api/users/7/posts/8`, { headers: { "x-request-id": "id-own" } });
  assert.equal(response.headers.get("x-request-id"), "id-own");
  const [span] = await zipkin.waitFor((all) => all.length === 1);
  assert.equal(span?.tags["http.route"], "/api/users/:id/posts/:post");
  assert.equal(span?.tags["http.request.id"], "id-own");
  assert.equal((await app.stop()).code, 0);
  assert.deepEqual(
    [...elasticsearch.documents.values()].map(({ document }) => document["http.request.id"]),
    ["id-own"],
    "sent by the SDK's own shutdown",
  );
  await zipkin.close();
});
