// What plug-ins add, and that a broken one costs a line and nothing more, on both engines.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FIXTURES, type RunningApp, runApp, runToEnd } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const ENGINES = ["native", "node-sdk"] as const;

/** As members of REDTRAIL_PLUGINS, from the folder of the fixtures. */
function plugins(...files: readonly string[]): string {
  return files.map((file) => `./plugins/${file}`).join(",");
}

async function start(
  t: TestContext,
  env: Readonly<Record<string, string>>,
): Promise<{ app: RunningApp; zipkin: TestZipkin }> {
  const zipkin = await startZipkin();
  const app = await runApp({
    app: "plugin-app.cjs",
    cwd: FIXTURES,
    env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint, ...env },
  });
  t.after(async () => {
    app.child.kill("SIGKILL");
    await zipkin.close();
  });
  return { app, zipkin };
}

/** How many lines of stderr have the text. */
function lines(stderr: string, text: string): number {
  return stderr.split("\n").filter((line) => line.includes(text)).length;
}

for (const engine of ENGINES) {
  test(`${engine}: plug-ins that cannot be loaded are one line each, and the app and the others run`, async (t) => {
    // In no folder of ours: a formatter would stumble over it.
    const broken = mkdtempSync(join(tmpdir(), "redtrail-plugins-"));
    t.after(() => rmSync(broken, { recursive: true, force: true }));
    writeFileSync(join(broken, "syntax-error.cjs"), "exports.default = {");
    const { app, zipkin } = await start(t, {
      REDTRAIL_ENGINE: engine,
      REDTRAIL_PLUGINS: plugins(
        ...["missing.mjs", "throws-at-load.mjs", "top-level-await.mjs", "exports-nothing.cjs"],
        ...["factory-throws.mjs", "registers-sdk.cjs", "constructor-throws.cjs", "start-throws.mjs"],
      ),
      OTEL_NODE_EXTENSIONS: `${plugins("async-extension.mjs")},${broken}/syntax-error.cjs`,
    });
    assert.equal((await fetch(`${app.url}/1`)).status, 200);
    const [span] = await zipkin.waitFor((all) => all.length === 1);
    assert.equal(
      span?.tags["half.seen"],
      "true",
      "the plug-in with the broken constructor brings a processor that works",
    );
    const stderr = app.stderr();
    for (const text of [
      'plug-in "./plugins/missing.mjs" cannot be used: it cannot be found from ',
      '/syntax-error.cjs" cannot be used: SyntaxError: Unexpected end of input (',
      'plug-in "./plugins/throws-at-load.mjs" cannot be used: Error: no luck at load; the app and all else run without it',
      'plug-in "./plugins/top-level-await.mjs" cannot be used: it (or what it imports) has a top-level await',
      'plug-in "./plugins/exports-nothing.cjs" cannot be used: it exports neither a plug-in nor loadOpenTelemetryExtension',
      'plug-in "./plugins/factory-throws.mjs" cannot be used: Error: no luck in the factory',
      'plug-in "./plugins/registers-sdk.cjs" registers an OpenTelemetry SDK of its own; that is taken off again',
      'plug-in "half": an instrumentation could not be made (Error: no luck in the constructor); it is left out',
      'plug-in "half": a span processor could not be made (Error: no luck in the processor\'s factory); it is left out',
      'plug-in "./plugins/async-extension.mjs" cannot be used: loadOpenTelemetryExtension returns a promise',
      'instrumentation "late" could not start (Error: no luck in start); the others go on',
    ]) {
      assert.equal(lines(stderr, text), 1, `${text}\n${stderr}`);
    }
    assert.equal(stderr.trimEnd().split("\n").length, 12, stderr);
    assert.equal((await app.stop()).signal, "SIGTERM");
  });

  test(`${engine}: parts and handlers that throw at every call never reach the app, and are switched off`, async (t) => {
    const { app, zipkin } = await start(t, {
      REDTRAIL_ENGINE: engine,
      REDTRAIL_PLUGINS: plugins("parts-throw.mjs", "hooks-throw.mjs"),
      OTEL_TRACES_SAMPLER: "broken",
      OTEL_PROPAGATORS: "tracecontext,requestid,broken",
      OTEL_TRACES_EXPORTER: "zipkin,broken",
      OTEL_METRICS_EXPORTER: "prometheus,broken",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      OTEL_METRIC_EXPORT_TIMEOUT: "100",
    });
    for (let index = 0; index < 101; index++) {
      const response = await fetch(`${app.url}/${index}`);
      const { headers: _, ...body } = (await response.json()) as Record<string, unknown>;
      assert.deepEqual(body, { ordered: `ordered ${index}`, escaped: "a%20b", unescaped: "a b" });
    }
    const spans = await zipkin.waitFor((all) => all.length === 101);
    assert.deepEqual(new Set(spans.map(({ kind }) => kind)), new Set(["SERVER"]));
    const stderr = app.stderr();
    const expected = [
      'plug-in "broken": resource detector "broken" has failed (Error: no luck in detect); its attributes are left out',
      'plug-in "broken": propagator "broken" has failed in extract (Error: no luck in extract); the others carry',
      'plug-in "broken": propagator "broken" has failed 100 times in a row and is switched off',
      'plug-in "broken": sampler "broken" has failed in shouldSample (Error: no luck in shouldSample); the decision is',
      'plug-in "broken": sampler "broken" has failed 100 times in a row and is switched off',
      'plug-in "broken": span processor ThrowingProcessor has failed in onStart (Error: no luck in onStart); the span goes',
      'plug-in "broken": span processor ThrowingProcessor has failed in onEnding',
      'plug-in "broken": span processor ThrowingProcessor has failed in onEnd (',
      'plug-in "broken": span processor ThrowingProcessor has failed 100 times in a row and is switched off',
      'plug-in "broken": span processor RejectingProcessor has failed in onStart (Error: no luck in async onStart)',
      'plug-in "broken": span processor RejectingProcessor has failed in onEnd (Error: no luck in async onEnd)',
      'plug-in "broken": span processor RejectingProcessor has failed 100 times in a row and is switched off',
      'plug-in "broken": span exporter "broken" has failed in export (Error: no luck in export); what it was to deliver',
      'plug-in "broken": metric exporter "broken" has failed in export (Error: no luck in export)',
      'instrumentation "hooks" has failed in loading node:url (Error: no luck in onLoad); the app goes on without it',
      'instrumentation "hooks" has failed in its handler of the channel http.server.request.start (Error: no luck in observe)',
      'instrumentation "hooks" has failed in its handler of the channel http.server.response.finish (Error: no luck in async',
      'instrumentation "hooks" has failed in start of the channel shop:order (Error: no luck in describe)',
      'instrumentation "hooks" has failed in escape (Error: no luck before the call); the app goes on without it',
      'instrumentation "hooks" has failed in unescape (Error: no luck after the call)',
    ];
    for (const text of expected) assert.equal(lines(stderr, text), 1, `${text}\n${stderr}`);
    const delivered = (scraped: string, type: string, reason: string | undefined): number =>
      sumOf(scraped, "otel_sdk_exporter_span_exported_total", { otel_component_type: type, error_type: reason });
    let scraped = "";
    for (let tries = 0; tries < 15 && delivered(scraped, "broken", "failed") < 101; tries++) {
      scraped = await app.scrape();
      await new Promise((done) => setTimeout(done, 400));
    }
    assert.equal(delivered(scraped, "broken", "failed"), 101, scraped);
    assert.equal(delivered(scraped, "broken", undefined), 0);
    // Upstream's own exporter of the other engine does not tell.
    if (engine === "native") assert.equal(delivered(scraped, "zipkin_http_exporter", undefined), 101);
    const { signal, stderr: all } = await app.stop();
    assert.equal(signal, "SIGTERM");
    // forceFlush at the end, of the exporter; the processors are off.
    assert.ok(all.trimEnd().split("\n").length <= expected.length + 3, all);
  });

  test(`${engine}: propagator, processor, sampler, exporters and detector of a plug-in work by their names`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "redtrail-plugins-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = { SPANS_FILE: join(folder, "spans"), METRICS_FILE: join(folder, "metrics") };
    const { app, zipkin } = await start(t, {
      ...files,
      REDTRAIL_ENGINE: engine,
      REDTRAIL_PLUGINS: plugins("works.mjs"),
      OTEL_PROPAGATORS: "tracecontext,tenant",
      OTEL_TRACES_SAMPLER: "parentbased_tenant",
      OTEL_TRACES_SAMPLER_ARG: "blue",
      OTEL_TRACES_EXPORTER: "zipkin,file",
      OTEL_METRICS_EXPORTER: "prometheus,file",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      OTEL_METRIC_EXPORT_TIMEOUT: "100",
      OTEL_SERVICE_NAME: "plugin-app",
    });
    for (const tenant of ["red", "blue"]) {
      await (await fetch(`${app.url}/1`, { headers: { "x-tenant": tenant } })).text();
    }
    const spans = await zipkin.waitFor((all) => all.length === 1);
    assert.equal(spans[0]?.tags["tenant"], "blue");
    assert.equal(spans[0]?.localEndpoint.serviceName, "plugin-app", "a detector does not rename the service");
    assert.match(app.stderr(), /, plug-ins tenants\n/, "the start line tells of it");
    const scraped = await app.scrape();
    assert.match(scraped, /cloud_region="here"/);
    assert.match(
      scraped,
      /http_server_request_duration_seconds_count\{.*\} 2\n/,
      "those that are not sampled are counted",
    );
    await app.stop();
    const exported = readFileSync(files.SPANS_FILE, "utf8").trim().split("\n");
    assert.equal(exported.length, 1);
    assert.match(exported[0] ?? "", /"tenant":"blue"/);
    assert.match(readFileSync(files.METRICS_FILE, "utf8"), /http\.server\.request\.duration/);
  });
}

for (const engine of ENGINES) {
  test(`${engine}: promises where none is awaited, rejected ones too, are lines and end nothing`, async (t) => {
    const { app, zipkin } = await start(t, {
      REDTRAIL_ENGINE: engine,
      REDTRAIL_PLUGINS: plugins("promises.mjs"),
      OTEL_TRACES_SAMPLER: "called",
      OTEL_PROPAGATORS: "tracecontext,requestid,made,called",
      OTEL_TRACES_EXPORTER: "zipkin,made",
      OTEL_METRICS_EXPORTER: "prometheus,called",
      OTEL_METRIC_EXPORT_INTERVAL: "100",
      OTEL_METRIC_EXPORT_TIMEOUT: "100",
    });
    const response = await fetch(`${app.url}/7`);
    const { headers: _, ...body } = (await response.json()) as Record<string, unknown>;
    assert.deepEqual(body, { ordered: "ordered 7", escaped: "a%20b", unescaped: "a b" });
    await zipkin.waitFor((all) => all.length === 1);
    assert.match(await app.scrape(), /cloud_provider="someone"/);
    const { signal, stderr } = await app.stop();
    assert.equal(signal, "SIGTERM", stderr);
    const awaits = "(TypeError: it gives a promise, and nothing can wait for that)";
    for (const text of [
      'instrumentation "async-start" has failed in its async start (Error: no luck in start)',
      'instrumentation "async-hooks": loading node:url gives a promise, and nothing can wait for it; that is left out',
      'instrumentation "async-hooks" has failed in loading node:url (Error: no luck in onLoad)',
      'instrumentation "async-hooks": loading node:querystring gives a promise',
      'instrumentation "async-hooks": start of the channel shop:order gives a promise',
      'instrumentation "async-enable" has failed in its async enable (Error: no luck in enable)',
      `propagator "made" could not be made ${awaits}; it is left out`,
      `propagator "called" has failed in extract ${awaits}; the others carry the request on`,
      `sampler "called" has failed in shouldSample ${awaits}; the decision is that of parentbased_always_on`,
      `a span processor could not be made ${awaits}; it is left out`,
      `span exporter "made" could not be made ${awaits}; it is left out`,
      'metric exporter "called" has failed in export (Error: no luck in export)',
      `resource detector "rejected" has failed ${awaits}; its attributes are left out`,
      `resource detector "resolved" has failed ${awaits}; its attributes are left out`,
      'resource detector "valued" gives a promise for "cloud.zone", which is left out',
    ]) {
      assert.equal(lines(stderr, text), 1, `${text}\n${stderr}`);
    }
  });

  test(`${engine}: exporters that never answer keep no process that has ended`, async () => {
    const began = performance.now();
    const { code, stdout, stderr } = await runToEnd({
      app: "call-itself.cjs",
      cwd: FIXTURES,
      env: {
        REDTRAIL_ENGINE: engine,
        REDTRAIL_PLUGINS: plugins("unanswering.mjs"),
        REDTRAIL_SHUTDOWN_TIMEOUT: "300",
        OTEL_TRACES_EXPORTER: "silent",
        OTEL_METRICS_EXPORTER: "silent",
        OTEL_BSP_SCHEDULE_DELAY: "1",
        OTEL_METRIC_EXPORT_INTERVAL: "20000",
        OTEL_METRIC_EXPORT_TIMEOUT: "20000",
      },
    });
    assert.equal(stdout, "fine fine fine\n", stderr);
    assert.equal(code, 0);
    assert.match(stderr, /metrics to silent, spans to silent, plug-ins unanswering\n/, "the start line tells of both");
    // Upstream's timers would hold it for 20 and 30 seconds.
    assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`);
  });
}

for (const [what, header] of [
  ["a line break in its value", ["x-bad", "a\r\nb"]],
  ["what is not Latin", ["x-bad", "\u2603"]],
  ["a number", ["x-bad", 7]],
  ["a list", ["x-bad", ["a", "b"]]],
  ["nothing", ["x-bad", null]],
  ["a name that is none", ["x bad", "a"]],
  ["a value of 9,000 characters", ["x-bad", "a".repeat(9_000)]],
  ["a length of its own", ["Content-Length", "1"]],
  ["another host", ["host", "elsewhere"]],
  ["another encoding", ["transfer-encoding", "chunked"]],
  ["another connection", ["connection", "upgrade"]],
] as const) {
  test(`A propagator's header with ${what} is a line, and calls by http, fetch and http2 are what they were`, async () => {
    const { code, stdout, stderr } = await runToEnd({
      app: "call-itself.cjs",
      cwd: FIXTURES,
      env: {
        HEADER: JSON.stringify(header),
        REDTRAIL_PLUGINS: plugins("bad-headers.mjs"),
        OTEL_PROPAGATORS: "tracecontext,bad",
        OTEL_TRACES_EXPORTER: "none",
        OTEL_METRICS_EXPORTER: "none",
      },
    });
    assert.equal(stdout, "fine fine fine\n", stderr);
    assert.equal(code, 0);
    assert.equal(lines(stderr, 'plug-in "headers": propagator "bad" has failed in inject (TypeError'), 1, stderr);
    assert.equal(stderr.trimEnd().split("\n").length, 2, stderr);
  });
}

test("A plug-in that is named in both lists, or twice, runs once", async () => {
  const { stderr } = await runToEnd({
    app: ["-e", "0"],
    cwd: FIXTURES,
    env: {
      REDTRAIL_PLUGINS: plugins("works.mjs", "../plugins/works.mjs"),
      OTEL_NODE_EXTENSIONS: plugins("works.mjs"),
      OTEL_TRACES_EXPORTER: "none",
      OTEL_METRICS_EXPORTER: "none",
      SPANS_FILE: "",
    },
  });
  assert.match(stderr, /^redtrail: .* plug-ins tenants\n$/);
});

test("A name that no plug-in has is one line with a suggestion, and a name that two have is the first one's", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "redtrail-plugins-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "again.mjs"), `export { default } from "${join(FIXTURES, "plugins/works.mjs")}";`);
  const { stderr } = await runToEnd({
    app: ["-e", "0"],
    cwd: FIXTURES,
    env: {
      REDTRAIL_PLUGINS: `${plugins("works.mjs")},${join(folder, "again.mjs")}`,
      OTEL_PROPAGATORS: "tenent",
      OTEL_TRACES_SAMPLER: "parentbased_tenent",
      OTEL_NODE_RESOURCE_DETECTORS: "none",
      SPANS_FILE: "",
    },
  });
  assert.match(stderr, /OTEL_PROPAGATORS="tenent" holds "tenent", which is not known \(did you mean "tenant"\?\)/);
  assert.match(stderr, /OTEL_TRACES_SAMPLER="parentbased_tenent" is not known \(did you mean "parentbased_tenant"\?\)/);
  assert.match(
    stderr,
    /plug-in "tenants": "tenant" of propagators is there already, by plug-in "tenants"; it is left out/,
  );
});
