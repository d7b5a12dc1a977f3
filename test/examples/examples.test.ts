// Every example runs by the command that it names, and leaves what it promises.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startElasticsearch } from "../support/fake-elasticsearch.ts";
import { type RunningApp, runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

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

/** Starts an example by the settings that its README names before `node`. */
async function startExample(t: TestContext, name: string): Promise<{ app: RunningApp; zipkin: TestZipkin }> {
  const folder = join(EXAMPLES, name);
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const command = /^.*?((?:[A-Z_]+=\S+[\s\\]+)+)node --require redtrail\/register app\.js$/ms.exec(readme)?.[1] ?? "";
  const settings = Object.fromEntries([...command.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, key, value]) => [key, value]));
  assert.notDeepEqual(settings, {});
  install(folder);
  const zipkin = await startZipkin();
  const app = await runApp({
    app: ["app.js"],
    nodeArgs: ["--require", "redtrail/register"],
    cwd: folder,
    env: { PORT: "0", SLOW_SECONDS: "0", OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, ...settings },
  });
  t.after(async () => {
    app.child.kill("SIGKILL");
    await zipkin.close();
  });
  return { app, zipkin };
}

test("examples/plugin-channel: a plug-in on a diagnostics channel makes spans and counts", async (t) => {
  const { app, zipkin } = await startExample(t, "plugin-channel");
  for (const article of ["book", "nothing"]) await (await fetch(`${app.url}/${article}`)).text();
  const spans = await zipkin.waitFor((all) => all.length === 4);
  const calls = spans.filter(({ kind }) => kind === "CLIENT");
  assert.deepEqual(
    calls.map(({ name, tags }) => [name, tags["shop.article"], tags["error.type"]]),
    [
      ["order book", "book", undefined],
      ["order nothing", "nothing", "RangeError"],
    ],
  );
  for (const { parentId } of calls) assert.ok(spans.some(({ id, kind }) => id === parentId && kind === "SERVER"));
  assert.match(await app.scrape(), /shop_orders_total\{.*article="nothing",failed="true".*\} 1\n/);
});

test("examples/plugin-channel: the plug-in's own test passes", () => {
  const folder = join(EXAMPLES, "plugin-channel");
  install(folder);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, ["--test"], { cwd: folder, encoding: "utf8", env });
  assert.match(stdout, /pass 2\n[^]*fail 0\n/, stdout);
});

test("examples/plugin-class: a class of OpenTelemetry's kind runs as an extension", async (t) => {
  const { app, zipkin } = await startExample(t, "plugin-class");
  assert.equal(await (await fetch(`${app.url}/x`)).text(), "hello from /x\n");
  const spans = await zipkin.waitFor((all) => all.length === 2);
  const zipped = spans.find(({ name }) => name === "gzipsync" || name === "gzipSync");
  assert.equal(zipped?.tags["zlib.size.before"], "14");
  assert.equal(zipped?.parentId, spans.find(({ kind }) => kind === "SERVER")?.id);
});

test("examples/plugin-tenant: propagator, processor, sampler and exporter each do their part", async (t) => {
  const { app, zipkin } = await startExample(t, "plugin-tenant");
  for (const tenant of ["monitoring", "blue"]) {
    const response = await fetch(app.url, { headers: { "x-tenant": tenant } });
    assert.equal(await response.text(), `stock of ${tenant}\n`);
  }
  const spans = await zipkin.waitFor((all) => all.length === 3);
  assert.deepEqual(new Set(spans.map(({ tags }) => tags["tenant"])), new Set(["blue"]));
  assert.equal(sumOf(await app.scrape(), "http_server_request_duration_seconds_count", {}), 4);
  const { stdout } = await app.stop();
  assert.equal(stdout.match(/^slow: GET of blue took 0\.\d{3} s$/gm)?.length, 3);
});
