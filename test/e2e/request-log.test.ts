// The request log of a plain app, as its sinks get it: one record of each request, whatever the sampler says.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startElasticsearch } from "../support/fake-elasticsearch.ts";

const NO_SPANS = { OTEL_TRACES_SAMPLER: "always_off", OTEL_TRACES_EXPORTER: "none" };

function recordsOf(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("the console sink has one line of each request, unsampled ones too, and none of what is excluded", async () => {
  const app = await runApp({
    app: "http-app.mjs",
    env: { ...NO_SPANS, REDTRAIL_REQUEST_LOG: "console", REDTRAIL_REQUEST_LOG_EXCLUDE: "/sse-*" },
  });
  const id = "given-by-the-client";
  await (await fetch(`${app.url}/ok?token=s3cret&a=1`, { headers: { "x-request-id": id } })).text();
  await (await fetch(`${app.url}/sse-not`)).text();
  await (await fetch(`${app.url}/error`)).text();
  const { stdout } = await app.stop();
  const records = recordsOf(stdout);
  assert.deepEqual(
    records.map((record) => [record["url.path"], record["http.response.status_code"], record["event.outcome"]]),
    [
      ["/ok", 200, "success"],
      ["/error", 503, "failure"],
    ],
  );
  assert.equal(records[0]?.["http.request.id"], id);
  assert.equal(records[0]?.["url.query"], "token=REDACTED&a=1");
  assert.match(String(records[0]?.["trace.id"]), /^[0-9a-f]{32}$/);
  assert.match(app.stderr(), /spans off, request log to stdout\n/);
});

test("Elasticsearch gets each request once, with an id of its own, and the books balance", async (t) => {
  const elasticsearch = await startElasticsearch(t);
  const app = await runApp({
    app: "http-app.mjs",
    env: {
      ...NO_SPANS,
      REDTRAIL_REQUEST_LOG: "elasticsearch",
      REDTRAIL_ELASTICSEARCH_URL: elasticsearch.url,
      REDTRAIL_ELASTICSEARCH_API_KEY: "a2V5",
      REDTRAIL_REQUEST_LOG_DELAY: "50",
      REDTRAIL_REQUEST_LOG_SCHEMA: "both",
    },
  });
  for (let i = 0; i < 30; i++) await (await fetch(`${app.url}/ok?${i}`)).text();
  await elasticsearch.until(({ documents }) => documents.size === 30);
  const text = await app.scrape();
  assert.equal(sumOf(text, "otel_sdk_exporter_log_exported_total", { error_type: undefined }), 30);
  await (await fetch(`${app.url}/ok?last`)).text();
  await app.stop();
  assert.equal(elasticsearch.documents.size, 31, "what waited was sent at the end");
  for (const [documentId, { action, document }] of elasticsearch.documents) {
    assert.equal(documentId, `${String(document["trace.id"])}${String(document["span.id"])}`);
    assert.equal(action["_index"], "logs-nodejs.request-default");
    assert.equal(document["data_stream.dataset"], "nodejs.request");
    assert.equal(document["path"], "/ok");
    assert.equal(document["request_id"], document["http.request.id"]);
  }
  assert.deepEqual([...elasticsearch.authorizations], ["ApiKey a2V5"]);
});

test("the record of a request that the client gave up has no status, and a reason", async () => {
  const app = await runApp({ app: "lifecycle-app.cjs", env: { ...NO_SPANS, REDTRAIL_REQUEST_LOG: "console" } });
  await assert.rejects(fetch(`${app.url}/slow`, { signal: AbortSignal.timeout(100) }));
  await (await fetch(`${app.url}/after`)).text();
  const { stdout } = await app.stop();
  const aborted = recordsOf(stdout).find((record) => record["url.path"] === "/slow");
  assert.deepEqual([aborted?.["error.type"], aborted?.["event.outcome"]], ["client_aborted", "unknown"]);
  assert.equal(aborted?.["http.response.status_code"], undefined);
});

async function startCollector(t: TestContext) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (request.url === "/v1/logs") bodies.push(body);
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("the otlp sink hands the requests to the logs API, and upstream's exporter sends them", async (t) => {
  const collector = await startCollector(t);
  const app = await runApp({
    app: "http-app.mjs",
    env: {
      OTEL_TRACES_EXPORTER: "none",
      OTEL_METRICS_EXPORTER: "none",
      REDTRAIL_REQUEST_LOG: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BLRP_SCHEDULE_DELAY: "50",
    },
  });
  await (await fetch(`${app.url}/ok`, { headers: { "x-request-id": "abc" } })).text();
  for (let i = 0; i < 100 && collector.bodies.length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await app.stop();
  const sent = collector.bodies.join("\n");
  assert.match(sent, /"eventName":"http\.server\.request"/);
  assert.match(sent, /"key":"http\.request\.id","value":\{"stringValue":"abc"\}/);
  assert.match(sent, /"traceId":"[0-9a-f]{32}"/);
});
