// Loading: every way to load, every way to load twice, and what is said about it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { FIXTURES, PRELOAD, runApp, runToEnd, spawnApp } from "../support/run-app.ts";
import { startZipkin } from "../support/zipkin.ts";

const START_LINE =
  /^redtrail: \d+\.\d+\.\d+: service "[^"]+", engine native, metrics at http:\/\/127\.0\.0\.1:\d+\/metrics, spans to http:\/\/\S+\n$/;
const OFF = { OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" };

for (const [how, nodeArgs, env] of [
  ["--require", ["--require", PRELOAD], {}],
  ["--import", ["--import", pathToFileURL(PRELOAD).href], {}],
  ["NODE_OPTIONS", [], { NODE_OPTIONS: `--require ${PRELOAD}` }],
] as const) {
  for (const app of ["express-app.cjs", "express-app.mjs", "typescript-app.mts"]) {
    test(`${app} by ${how} says one start line, and its requests have a route`, async () => {
      const zipkin = await startZipkin();
      const running = await runApp({ app, nodeArgs, env: { ...env, OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint } });
      try {
        await (await fetch(`${running.url}/users/1`)).text();
        const [span] = await zipkin.waitFor((spans) => spans.length === 1);
        assert.equal(span?.tags["http.route"], "/users/:id");
        assert.match(running.stderr(), START_LINE);
      } finally {
        await running.stop("SIGKILL");
        await zipkin.close();
      }
    });
  }
}

test("OTEL_LOG_LEVEL=none silences every line, that of a bad setting included", async () => {
  const ending = await runToEnd({ app: ["-e", "0"], env: { OTEL_LOG_LEVEL: "none", OTEL_BSP_SCHEDULE_DELAY: "abc" } });
  assert.equal(ending.stderr, "");
});

test("The service is named after the app's package.json unless a setting names it", async () => {
  const named = await runToEnd({ app: ["-e", "0"], cwd: join(FIXTURES, "named-app") });
  assert.match(named.stderr, /service "the-apps-package"/);
  const set = await runToEnd({ app: ["-e", "0"], cwd: join(FIXTURES, "named-app"), env: { OTEL_SERVICE_NAME: "set" } });
  assert.match(set.stderr, /service "set"/);
});

test("A second load in the same process does nothing", async () => {
  const nodeArgs = ["--require", PRELOAD, "--require", PRELOAD, "--import", pathToFileURL(PRELOAD).href];
  const ending = await runToEnd({ app: ["-e", `require(${JSON.stringify(PRELOAD)})`], nodeArgs });
  assert.equal(ending.stderr.match(/redtrail:/g)?.length, 1);
  assert.equal(ending.code, 0);
});

test("A worker thread has no telemetry of its own, and says nothing", async () => {
  const script = `const { Worker } = require("node:worker_threads");
    new Worker("console.log('worker', globalThis[Symbol.for('redtrail')])", { eval: true })`;
  const ending = await runToEnd({ app: ["-e", script] });
  assert.match(ending.stdout, /worker undefined/);
  assert.equal(ending.stderr.match(/redtrail:/g)?.length, 1);
});

test("A forked child has telemetry of its own, on a port of its own when the first is taken", async () => {
  const script = `const { fork } = require("node:child_process");
    setTimeout(() => {
      const child = fork(process.argv[1] ?? ${JSON.stringify(join(FIXTURES, "empty.cjs"))});
      child.on("exit", () => process.exit());
    }, 200)`;
  const port = await freePort();
  const ending = await runToEnd({ app: ["-e", script], env: { OTEL_EXPORTER_PROMETHEUS_PORT: String(port) } });
  const lines = ending.stderr.trimEnd().split("\n");
  assert.match(lines[0] as string, new RegExp(`metrics at http://127.0.0.1:${port}/metrics`));
  assert.ok(
    lines.some((line) => line.includes(`OTEL_EXPORTER_PROMETHEUS_PORT="${port}" is in use`)),
    ending.stderr,
  );
  assert.equal(ending.code, 0);
});

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("An SDK that the app has registered before is left in charge, with one line", async () => {
  const ending = await runToEnd({
    app: ["-e", "console.log(require('@opentelemetry/api').trace.getTracer('x').startSpan('s').constructor.name)"],
    nodeArgs: ["--require", join(FIXTURES, "own-sdk.cjs"), "--require", PRELOAD],
    cwd: FIXTURES,
  });
  assert.match(ending.stdout, /AppSpan/);
  assert.match(ending.stderr, /^redtrail: the app has registered an OpenTelemetry SDK before [^\n]*\n$/);
});

test("An SDK that the app registers afterwards is told off in one line, and the app runs", async () => {
  const ending = await runToEnd({ app: ["-e", `require("${join(FIXTURES, "own-sdk.cjs")}")`], env: OFF });
  assert.equal(ending.code, 0);
  assert.match(ending.stderr, /redtrail: the app registers an OpenTelemetry SDK of its own/);
  assert.equal(ending.stderr.match(/SDK of its own/g)?.length, 1);
});

test("OTEL_SDK_DISABLED=true keeps propagating: trace and id go through, and nothing else happens", async () => {
  const app = spawnApp({ app: "http-app.mjs", env: { OTEL_SDK_DISABLED: "true" } });
  try {
    let url: string | undefined;
    while (url === undefined) {
      await new Promise((resolve) => app.child.stdout?.once("data", resolve));
      url = /listening (\S+)/.exec(app.stdout())?.[1];
    }
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (const path of ["/http", "/fetch"]) {
      const response = await fetch(url + path, { headers: { traceparent, "x-request-id": "id-1" } });
      const { headers } = (await response.json()) as { headers: Record<string, string> };
      assert.equal(headers["traceparent"], traceparent);
      assert.equal(headers["x-request-id"], "id-1");
      assert.equal(response.headers.get("x-request-id"), "id-1");
    }
    assert.match(app.stderr(), /OTEL_SDK_DISABLED="true"/);
  } finally {
    await app.stop("SIGKILL");
  }
});

test("requestId() gives the app the id of the request that it works for, in CommonJS and in an ES module", async () => {
  for (const app of ["request-id-app.cjs", "request-id-app.mjs"]) {
    const running = await runApp({ app, env: OFF });
    try {
      const response = await fetch(running.url, { headers: { "x-request-id": "id-42" } });
      assert.equal(await response.text(), "id-42");
    } finally {
      await running.stop("SIGKILL");
    }
  }
});
