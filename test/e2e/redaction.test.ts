// An app full of secrets, through the real preload: no byte of them reaches a collector, a scrape or the request log.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { runApp, runToEnd } from "../support/run-app.ts";
import type { ZipkinSpan } from "../support/zipkin.ts";

const SECRET = "s3cr3tM4rk";

/** Keeps every byte that it gets. */
async function startCollector(): Promise<{
  endpoint: string;
  texts: string[];
  spans(): ZipkinSpan[];
  received(): Promise<unknown>;
}> {
  const texts: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    texts.push((request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString());
    response.writeHead(202).end();
    server.emit("received");
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    texts,
    spans: () => texts.flatMap((text) => JSON.parse(text) as ZipkinSpan[]),
    received: () => once(server, "received", { signal: AbortSignal.timeout(10_000) }),
  };
}

const CAPTURE = "OTEL_INSTRUMENTATION_HTTP";
const HEADERS = "Authorization,Set-Cookie,X-Tenant,cookie";

for (const engine of ["native", "node-sdk"] as const) {
  describe(`engine ${engine}`, () => {
    test("No secret leaves the process, and what is no secret does", async () => {
      const collector = await startCollector();
      const app = await runApp({
        app: "redaction-app.mjs",
        env: {
          TEST_SECRET: SECRET,
          REDTRAIL_ENGINE: engine,
          OTEL_EXPORTER_ZIPKIN_ENDPOINT: collector.endpoint,
          REDTRAIL_REQUEST_LOG: "console",
          REDTRAIL_RED_DIMENSIONS: "db.statement,url.query",
          REDTRAIL_REDACT_KEYS: "user.*,client.*",
          REDTRAIL_REDACT_PATTERNS: String.raw`(;;\d{4}-\d{4}`,
          [`${CAPTURE}_SERVER_CAPTURE_REQUEST_HEADERS`]: HEADERS,
          [`${CAPTURE}_SERVER_CAPTURE_RESPONSE_HEADERS`]: HEADERS,
          [`${CAPTURE}_CLIENT_CAPTURE_REQUEST_HEADERS`]: HEADERS,
          [`${CAPTURE}_CLIENT_CAPTURE_RESPONSE_HEADERS`]: HEADERS,
        },
      });
      const headers = { authorization: `Basic ${SECRET}`, cookie: `a=${SECRET}`, "x-tenant": "acme" };
      await (await fetch(`${app.url}/a?password=${SECRET}&page=2`, { headers })).text();
      while (collector.spans().filter(({ kind }) => kind !== undefined).length < 6) await collector.received();
      const scrape = await app.scrape();
      const { stdout, stderr } = await app.stop();

      const sent = collector.texts.join("\n");
      for (const text of [sent, scrape, stdout, stderr]) assert.doesNotMatch(text, new RegExp(`${SECRET}|1234-5678`));
      assert.match(
        stderr,
        /REDTRAIL_REDACT_PATTERNS holds "\(", which is not one that RE2 can read \(.+\); it is left out\n/,
      );
      assert.match(stdout, /"url.query":"password=REDACTED&page=2".+"client.address":"REDACTED"/);
      assert.match(scrape, /^redtrail_redacted_total\{[^}]*redtrail_redaction_rule="db"[^}]*\} 1/m);

      const tags = (isOne: (span: ZipkinSpan) => boolean): Record<string, string> => {
        const span = collector.spans().find(isOne);
        assert.ok(span, sent);
        return span.tags;
      };
      const server = tags((span) => span.kind === "SERVER" && span.tags["url.path"] === "/a");
      assert.equal(server["url.query"], "password=REDACTED&page=2");
      const database = tags((span) => span.tags["db.system"] === "mysql");
      assert.equal(database["db.statement"], "SELECT * FROM users WHERE password = ?");
      assert.equal(database["user.email"], "REDACTED");
      assert.equal(database["note"], "card REDACTED");
      assert.match(sent, /cannot reach mysql:\/\/REDACTED:REDACTED@db:3306\/shop/);
      const viaFetch = tags((span) => span.kind === "CLIENT" && /\/fetch\?/.test(span.tags["url.full"] ?? ""));
      assert.match(viaFetch["url.full"] ?? "", /\/fetch\?api_key=REDACTED&page=2$/);
      const viaHttp = tags((span) => span.kind === "CLIENT" && /\/http\?/.test(span.tags["url.full"] ?? ""));
      assert.match(viaHttp["url.full"] ?? "", /^http:\/\/127\.0\.0\.1:\d+\/http\?token=REDACTED&page=2$/);

      for (const [name, one] of Object.entries({ server, viaFetch, viaHttp })) {
        const values = [
          "request.header.authorization",
          "request.header.x-tenant",
          "response.header.set-cookie",
          "response.header.x-tenant",
        ];
        const found = values.map((key) => one[`http.${key}`]?.replaceAll(/[[\]"]/g, ""));
        assert.deepEqual(found, ["REDACTED", "acme", "REDACTED", "acme"], name);
      }
    });
  });
}

test("No header is captured unless a setting names it", async () => {
  const collector = await startCollector();
  const app = await runApp({
    app: "redaction-app.mjs",
    env: { TEST_SECRET: SECRET, OTEL_EXPORTER_ZIPKIN_ENDPOINT: collector.endpoint },
  });
  await (await fetch(app.url)).text();
  while (collector.spans().length < 6) await collector.received();
  await app.stop();
  assert.doesNotMatch(collector.texts.join(""), /\.header\./);
});

test("RE2 is loaded only where there are patterns", async () => {
  const script = "console.log(Object.keys(require.cache).some((file) => file.endsWith('redaction-patterns.cjs')))";
  const isLoaded = async (env: Record<string, string>): Promise<string> =>
    (await runToEnd({ app: ["-e", script], env })).stdout.trim();
  assert.equal(await isLoaded({}), "false");
  assert.equal(await isLoaded({ REDTRAIL_REDACT_PATTERNS: "a" }), "true");
});
