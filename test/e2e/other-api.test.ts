// Copies of OpenTelemetry's API of other versions, which were there before redtrail: all of it works, and one line says what has become of them.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PRELOAD, runToEnd } from "../support/run-app.ts";

const folder = mkdtempSync(join(tmpdir(), "redtrail-other-api-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What a copy of the API of version 1.8 leaves behind. */
function registry(parts: string, attributes = ""): string {
  return `const registry = { version: "1.8.0", ${parts} };
    Object.defineProperty(globalThis, Symbol.for("opentelemetry.js.api.1"),
      { value: registry, writable: true, configurable: true, ${attributes} });
    module.exports = { name: "other", spanProcessors: [] };`;
}

const PARTS = {
  logger: "diag: { error() {}, warn() {}, info() {}, debug() {}, verbose() {} }",
  metrics: "metrics: { getMeter: () => 'the meter of the app' }",
  context: "context: { active: () => 0, with: () => 0, bind: () => 0, enable: () => 0, disable: () => 0 }",
};
for (const [name, part] of Object.entries(PARTS)) writeFileSync(join(folder, `${name}.cjs`), registry(part));
writeFileSync(join(folder, "fixed.cjs"), registry(PARTS.logger, "writable: false, configurable: false"));
// Calls itself, and prints what arrives there; and which meter the app's copy of the API would get.
writeFileSync(
  join(folder, "app.cjs"),
  `const http = require("node:http");
  const server = http.createServer((request, response) => {
    if (request.url === "/inner") return response.end(JSON.stringify(request.headers));
    http.get({ port: server.address().port, path: "/inner" }, (inner) => inner.pipe(response));
  });
  server.listen(0, async () => {
    const response = await fetch("http://localhost:" + server.address().port, { headers: { "x-request-id": "abc" } });
    const { traceparent, "x-request-id": id } = await response.json();
    const { metrics } = globalThis[Symbol.for("opentelemetry.js.api.1")];
    console.log(JSON.stringify({ traced: traceparent !== undefined, id, meter: String(metrics?.getMeter("x")) }));
    server.close();
    server.closeAllConnections();
  });`,
);

async function run(
  env: Readonly<Record<string, string>>,
  before: readonly string[] = [],
): Promise<{ seen: Record<string, unknown>; stderr: string }> {
  const { stdout, stderr } = await runToEnd({
    app: ["app.cjs"],
    cwd: folder,
    nodeArgs: [...before.flatMap((file) => ["--require", join(folder, file)]), "--require", PRELOAD],
    env: { OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none", ...env },
  });
  return { seen: JSON.parse(stdout) as Record<string, unknown>, stderr };
}

for (const engine of ["native", "node-sdk"]) {
  for (const [file, line] of [
    ["logger.cjs", "registers a logger for OpenTelemetry's API; redtrail's takes its place"],
    ["metrics.cjs", "registers an OpenTelemetry SDK of its own; that is taken off again"],
    ["context.cjs", "registers an OpenTelemetry SDK of its own; that is taken off again"],
  ] as const) {
    test(`${engine}: a plug-in that brings another copy of the API turns nothing off (${file})`, async () => {
      const { seen, stderr } = await run({ REDTRAIL_ENGINE: engine, REDTRAIL_PLUGINS: `./${file}` });
      assert.deepEqual([seen["traced"], seen["id"]], [true, "abc"], stderr);
      assert.notEqual(seen["meter"], "the meter of the app");
      assert.deepEqual(
        stderr.split("\n").filter((text) => text.includes('plug-in "')),
        [`redtrail: plug-in "./${file}" ${line}`],
      );
    });
  }

  for (const [file, what] of [
    ["logger.cjs", "logger); redtrail takes its place"],
    [
      "metrics.cjs",
      "meter provider); redtrail takes its place, but the meter provider stays: what the app records goes there",
    ],
    ["context.cjs", "context manager); redtrail takes its place"],
  ] as const) {
    test(`${engine}: another copy of the API that the app used before turns nothing off (${file})`, async () => {
      const { seen, stderr } = await run({ REDTRAIL_ENGINE: engine }, [file]);
      assert.deepEqual([seen["traced"], seen["id"]], [true, "abc"], stderr);
      if (file === "metrics.cjs") assert.equal(seen["meter"], "the meter of the app");
      const [first, ...more] = stderr.trimEnd().split("\n");
      assert.equal(first, `redtrail: OpenTelemetry's API was set up before (@opentelemetry/api 1.8.0: ${what}`);
      assert.equal(more.length, 1, stderr);
    });
  }
}

test("Where redtrail cannot be registered, that is said, and the app runs", async () => {
  const { seen, stderr } = await run({}, ["fixed.cjs"]);
  assert.equal(seen["traced"], false);
  assert.match(
    stderr,
    /\(@opentelemetry\/api 1\.8\.0\) has not taken redtrail's tracer provider, context manager, propagator; requests are not/,
  );
});
