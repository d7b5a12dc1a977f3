// Every example runs by the command that it names, and leaves what it promises.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startElasticsearch } from "../support/fake-elasticsearch.ts";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { startZipkin } from "../support/zipkin.ts";

const EXAMPLES = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "examples");

/** As `npm install redtrail` would: the package under its name in the example's node_modules. */
function install(folder: string): void {
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  const link = join(folder, "node_modules/redtrail");
  rmSync(link, { force: true });
  symlinkSync(dirname(EXAMPLES), link);
}

for (const [example, file, path, spanCount, route] of [
  ["express-app", "app.js", "/hello/you", 1, "/hello/:name"],
  ["esm-app", "app.js", "/", 3, undefined],
  ["typescript-app", "app.mts", "/", 1, undefined],
] as const) {
  test(`examples/${example} runs by its command, is counted, and carries its request id on every span`, async () => {
    const command = `node --require redtrail/register ${file}`;
    assert.ok(readFileSync(join(EXAMPLES, example, file), "utf8").startsWith(`// ${command}\n`));
    assert.ok(readFileSync(join(EXAMPLES, example, "README.md"), "utf8").includes(command));
    install(join(EXAMPLES, example));
    const zipkin = await startZipkin();
    const app = await runApp({
      app: [file],
      nodeArgs: ["--require", "redtrail/register"],
      cwd: join(EXAMPLES, example),
      env: { PORT: "0", OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint },
    });
    try {
      const response = await fetch(app.url + path, { headers: { "x-request-id": `id-${example}` } });
      const text = await response.text();
      if (example === "typescript-app") assert.match(text, /as id-typescript-app/);
      assert.equal(response.headers.get("x-request-id"), `id-${example}`);
      const spans = await zipkin.waitFor((all) => all.length >= spanCount);
      assert.deepEqual(new Set(spans.map(({ tags }) => tags["http.request.id"])), new Set([`id-${example}`]));
      assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
      const count = sumOf(await app.scrape(), "http_server_request_duration_seconds_count", { http_route: route });
      assert.equal(count, example === "esm-app" ? 2 : 1);
      assert.match(app.stderr(), new RegExp(`service "${example}"`));
    } finally {
      await app.stop("SIGKILL");
      await zipkin.close();
    }
  });
}

test("examples/request-log runs with the settings that its README names, and logs each request once", async (t) => {
  const folder = join(EXAMPLES, "request-log");
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const settings = Object.fromEntries(
    [...readme.matchAll(/^(REDTRAIL_\w+)=(\S+) \\$/gm)].map(([, name, value]) => [name, value]),
  );
  assert.equal(Object.keys(settings).length, 5);
  assert.ok(readme.includes("node --require redtrail/register app.js"));
  install(folder);
  const elasticsearch = await startElasticsearch(t);
  const app = await runApp({
    app: ["app.js"],
    nodeArgs: ["--require", "redtrail/register"],
    cwd: folder,
    env: {
      ...settings,
      PORT: "0",
      OTEL_TRACES_EXPORTER: "none",
      REDTRAIL_ELASTICSEARCH_URL: elasticsearch.url,
      REDTRAIL_REQUEST_LOG_DELAY: "50",
    },
  });
  t.after(() => {
    app.child.kill("SIGKILL");
    rmSync(join(folder, "spool"), { recursive: true, force: true });
  });
  for (const path of ["/", "/missing"]) await fetch(app.url + path, { headers: { "x-request-id": `id${path}` } });
  await elasticsearch.until(({ documents }) => documents.size === 2);
  const { stdout } = await app.stop();
  const documents = [...elasticsearch.documents.values()].map(({ document }) => document);
  assert.deepEqual(
    documents.map((document) => [document["request_id"], document["path"], document["status_code"]]),
    [
      ["id/", "/", 200],
      ["id/missing", "/missing", 404],
    ],
  );
  assert.equal(stdout.match(/^\{.*\}$/gm)?.length, 2, "and on stdout");
});
