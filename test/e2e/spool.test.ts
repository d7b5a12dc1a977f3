// What is not delivered when a process ends is kept on disk, however it ends, and the next one delivers it.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startElasticsearch } from "../support/fake-elasticsearch.ts";
import { runApp, runToEnd } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

const root = mkdtempSync(join(tmpdir(), "redtrail-e2e-spool-"));
after(() => rmSync(root, { recursive: true }));
const AWAY = "http://127.0.0.1:1";

for (const [mode, code] of [
  ["natural", 0],
  ["exit", 3],
  ["throw", 1],
  ["reject", 1],
] as const) {
  test(`A process that ends by "${mode}" while its backends are away leaves everything to the next one`, async (t) => {
    const folder = join(root, mode);
    const env = {
      REDTRAIL_SPOOL_DIR: folder,
      REDTRAIL_REQUEST_LOG: "elasticsearch",
      REDTRAIL_ELASTICSEARCH_URL: AWAY,
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${AWAY}/api/v2/spans`,
    };
    const ended = await runToEnd({ app: "lifecycle-app.cjs", env: { ...env, MODE: mode } });
    assert.equal(ended.code, code);
    assert.match(ended.stderr, /Zipkin at \S+: 2 spans are kept in \S+ for the next start/);
    assert.match(ended.stderr, /Elasticsearch at \S+: 1 records are kept in/);
    assert.doesNotMatch(ended.stderr, /were not delivered/);
    const kinds = readdirSync(folder).map((name) => name.split("-")[0]);
    assert.deepEqual(
      kinds.toSorted((a = "", b = "") => (a < b ? -1 : 1)),
      ["elasticsearch", "zipkin"],
    );

    const zipkin = await startZipkin();
    t.after(() => zipkin.close());
    const elasticsearch = await startElasticsearch(t);
    const app = await runApp({
      app: "lifecycle-app.cjs",
      env: {
        ...env,
        OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint,
        REDTRAIL_ELASTICSEARCH_URL: elasticsearch.url,
        REDTRAIL_REQUEST_LOG_DELAY: "100",
      },
    });
    // Two spans and a record of the process before, and as many of its own.
    await zipkin.waitFor((spans) => new Set(spans.map(({ id }) => id)).size === 4);
    await elasticsearch.until(({ documents }) => documents.size === 2);
    for (let i = 0; i < 40 && readdirSync(folder).length > 0; i++) await new Promise((done) => setTimeout(done, 50));
    assert.deepEqual(readdirSync(folder), []);
    await app.stop();
  });
}
