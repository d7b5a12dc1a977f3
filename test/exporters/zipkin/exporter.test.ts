import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, mock, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ROOT_CONTEXT, TraceFlags } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  createAlwaysRecordSampler,
  type Sampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { BatchConfig } from "../../../src/config/config.ts";
import { log } from "../../../src/diagnostics/log.ts";
import { ZipkinSpanProcessor } from "../../../src/exporters/zipkin/exporter.ts";
import type { ZipkinSpan } from "../../../src/exporters/zipkin/types.ts";

const BATCH: BatchConfig = {
  maxQueueSize: 2_048,
  maxQueueBytes: 16_777_216,
  maxExportBatchSize: 512,
  maxExportBatchBytes: 1_048_576,
  scheduleDelayMs: 60_000,
  exportTimeoutMs: 30_000,
};

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A Zipkin that keeps every batch it gets. `answer` may answer in its own way. */
async function startZipkin(answer = (_: IncomingMessage, response: ServerResponse): void => accept(response)) {
  const batches: ZipkinSpan[][] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body).toString() : body.toString();
    batches.push(JSON.parse(text) as ZipkinSpan[]);
    answer(request, response);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { batches, server, endpoint: `http://127.0.0.1:${port}/api/v2/spans` };
}

function accept(response: ServerResponse): void {
  response.writeHead(202).end();
}

function tracerFor(endpoint: string, batch: Partial<BatchConfig> = {}, sampler: Sampler = new AlwaysOnSampler()) {
  const processor = new ZipkinSpanProcessor({
    destination: { urls: [endpoint], timeoutMs: 5_000 },
    batch: { ...BATCH, ...batch },
  });
  const resource = resourceFromAttributes({ "service.name": "shop" });
  const provider = new TracerProvider({ resource, sampler, spanProcessors: [processor] });
  return { processor, provider, tracer: provider.getTracer("test") };
}

test("ZipkinSpanProcessor delivers ended spans in batches", async () => {
  const zipkin = await startZipkin();
  const { processor, tracer } = tracerFor(zipkin.endpoint, { maxExportBatchSize: 2 });
  for (const name of ["a", "b", "c"]) tracer.startSpan(name).end();
  assert.equal(processor.stats.queued, 3);
  await processor.forceFlush();
  const names = zipkin.batches.map((batch) => batch.map((span) => span.name));
  assert.deepEqual(names, [["a", "b"], ["c"]]);
  assert.equal(zipkin.batches[0]?.[0]?.localEndpoint.serviceName, "shop");
  assert.equal(processor.stats.sent, 3);
  assert.equal(processor.stats.queued, 0);
});

test("ZipkinSpanProcessor leaves spans out that are recorded but not sampled", async () => {
  const zipkin = await startZipkin();
  const sampler = createAlwaysRecordSampler(new AlwaysOffSampler());
  const { processor, tracer } = tracerFor(zipkin.endpoint, {}, sampler);
  const span = tracer.startSpan("a", {}, ROOT_CONTEXT);
  assert.equal(span.isRecording(), true);
  assert.equal(span.spanContext().traceFlags & TraceFlags.SAMPLED, 0);
  span.end();
  assert.equal(processor.stats.queued, 0);
});

test("ZipkinSpanProcessor sends a batch again that Zipkin could not take", async () => {
  let requests = 0;
  const zipkin = await startZipkin((_, response) => {
    requests++;
    if (requests === 1) response.writeHead(503).end();
    else accept(response);
  });
  mock.method(log, "warn", () => {});
  const info = mock.method(log, "info", () => {});
  const { processor, tracer } = tracerFor(zipkin.endpoint);
  tracer.startSpan("a").end();
  await processor.flush(5_000);
  assert.equal(processor.stats.failure, "503");
  assert.equal(processor.stats.queued, 1);
  await processor.flush(5_000);
  assert.equal(processor.stats.queued, 0);
  assert.deepEqual(zipkin.batches[0], zipkin.batches[1]);
  assert.equal(info.mock.callCount(), 1);
  mock.restoreAll();
});

test("ZipkinSpanProcessor.shutdown delivers, and ignores spans that end later", async () => {
  const zipkin = await startZipkin();
  const { processor, provider, tracer } = tracerFor(zipkin.endpoint);
  const late = tracer.startSpan("late");
  tracer.startSpan("a").end();
  await provider.shutdown();
  processor.onEnd(late as never);
  assert.deepEqual(
    zipkin.batches.flat().map((span) => span.name),
    ["a"],
  );
  assert.equal(processor.stats.queued, 0);
});

test("ZipkinSpanProcessor.shutdown ends by its deadline though Zipkin hangs", async () => {
  const zipkin = await startZipkin(() => {});
  const { processor, tracer } = tracerFor(zipkin.endpoint);
  tracer.startSpan("a").end();
  const warn = mock.method(log, "warn", () => {});
  await processor.shutdown(100);
  assert.equal(processor.stats.queued, 0);
  assert.equal(processor.stats.dropped.shutdown, 1);
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /1 spans were not delivered before the process ended/);
  mock.restoreAll();
});

test("ZipkinSpanProcessor.flushSync has nothing to do when nothing is queued", async () => {
  const { processor } = tracerFor("http://127.0.0.1:1/");
  processor.flushSync(5_000);
  processor.endSync();
  assert.equal(processor.stats.dropped.shutdown, 0);
});

test("ZipkinSpanProcessor.flushSync does not try a Zipkin that was away a moment ago, and says what is lost", async () => {
  const zipkin = await startZipkin((_, response) => response.writeHead(503).end());
  const { processor, tracer } = tracerFor(zipkin.endpoint.replace("//", "//user:secret@"));
  tracer.startSpan("a").end();
  const warn = mock.method(log, "warn", () => {});
  await processor.flush(5_000);
  warn.mock.resetCalls();
  processor.flushSync(5_000);
  processor.endSync();
  assert.equal(processor.stats.dropped.shutdown, 1);
  assert.equal(zipkin.batches.length, 1);
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments[0]),
    [`Zipkin at ${zipkin.endpoint}: 1 spans were not delivered before the process ended (503)`],
  );
  mock.restoreAll();
});

/** Runs an app in a process of its own that ends three spans, in batches of two, and then does what `ending` says. */
async function runApp(endpoint: string, ending: string, env: Record<string, string> = {}, stop?: Promise<void>) {
  const exporter = import.meta.resolve("../../../src/exporters/zipkin/exporter.ts");
  const batch = JSON.stringify({ ...BATCH, maxExportBatchSize: 2 });
  const app = `
    import { TracerProvider } from ${JSON.stringify(import.meta.resolve("@opentelemetry/sdk-trace"))};
    import { ZipkinSpanProcessor } from ${JSON.stringify(exporter)};
    const processor = new ZipkinSpanProcessor({
      destination: { urls: [${JSON.stringify(endpoint)}], timeoutMs: 5000 },
      batch: ${batch},
    });
    const tracer = new TracerProvider({ spanProcessors: [processor] }).getTracer("app");
    process.on("exit", (code) => {
      const start = performance.now();
      processor.flushSync(2000);
      processor.endSync();
      const ok = processor.stats.dropped.shutdown === 0;
      console.log(JSON.stringify({ ok, code, blockedMs: performance.now() - start }));
    });
    for (const name of ["a", "b", "c"]) tracer.startSpan(name).end();
    ${ending}`;
  const nodeArguments = process.execArgv.filter((argument) => argument.includes("strip-types"));
  const child = spawn(process.execPath, [...nodeArguments, "--input-type=module", "-e", app], {
    env: { ...process.env, ...env, NODE_TEST_CONTEXT: undefined },
  });
  void stop?.then(() => child.stdin.end());
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const [code] = (await once(child, "close")) as [number];
  assert.match(stdout, /^\{.*\}\n$/, stderr);
  return { code, stderr, ...(JSON.parse(stdout) as { ok: boolean; blockedMs: number }) };
}

const ENDINGS: readonly (readonly [what: string, code: string, exitCode: number])[] = [
  ["process.exit", "process.exit(3);", 3],
  ["an uncaught exception", "throw new Error('boom');", 1],
  ["an unhandled rejection", "void Promise.reject(new Error('boom'));", 1],
  ["an exception in a timer", "setTimeout(() => { throw new Error('boom'); }, 1);", 1],
  ["a natural end", "", 0],
];

for (const [what, code, exitCode] of ENDINGS) {
  test(`ZipkinSpanProcessor.flushSync delivers in an exit handler after ${what}, and the exit code stays`, async () => {
    const zipkin = await startZipkin();
    const result = await runApp(zipkin.endpoint, code);
    assert.equal(result.code, exitCode);
    assert.equal(result.ok, true, result.stderr);
    // A batch that was on its way when the app ended comes twice, with the same ids.
    const names = new Set(zipkin.batches.flat().map((span) => span.name));
    assert.deepEqual([...names], ["a", "b", "c"]);
  });
}

test("ZipkinSpanProcessor.flushSync runs no preload in its thread", async () => {
  const zipkin = await startZipkin();
  const preload = "data:text/javascript,console.error('preload')";
  const result = await runApp(zipkin.endpoint, "process.exit(0);", { NODE_OPTIONS: `--import ${preload}` });
  assert.equal(result.ok, true);
  assert.equal(result.stderr.match(/preload/g)?.length, 1);
});

test("ZipkinSpanProcessor.flushSync gives up in time when Zipkin hangs, and the process ends", async () => {
  const zipkin = await startZipkin(() => {});
  const result = await runApp(zipkin.endpoint, "process.exit(3);");
  assert.equal(result.code, 3);
  assert.equal(result.ok, false);
  assert.ok(result.blockedMs >= 1_900 && result.blockedMs < 4_000, String(result.blockedMs));
  assert.match(result.stderr, /3 spans were not delivered before the process ended \(timeout\)/);
});

test("ZipkinSpanProcessor.flushSync does not wait for a Zipkin that refuses", async () => {
  const zipkin = await startZipkin();
  await new Promise((resolve) => zipkin.server.close(resolve));
  const result = await runApp(zipkin.endpoint, "process.exit(3);");
  assert.equal(result.code, 3);
  assert.equal(result.ok, false);
  assert.ok(result.blockedMs < 1_900, String(result.blockedMs));
});

test("ZipkinSpanProcessor.flushSync delivers a batch again whose answer was not there yet", async () => {
  let requests = 0;
  const arrived = Promise.withResolvers<void>();
  const zipkin = await startZipkin((_, response) => {
    requests++;
    if (requests > 1) accept(response);
    else arrived.resolve();
  });
  const ending = 'void processor.flush(5000); process.stdin.resume().on("end", () => process.exit(0));';
  const result = await runApp(zipkin.endpoint, ending, {}, arrived.promise);
  assert.equal(result.ok, true);
  const names = zipkin.batches.map((batch) => batch.map((span) => span.name));
  assert.deepEqual(names, [["a", "b"], ["a", "b"], ["c"]]);
});
