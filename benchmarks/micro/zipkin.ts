// In a process of its own: what a span costs on its way to Zipkin. `node zipkin.ts CASE`; prints `@@{"us":...,"bytes":...}@@`.
import { createRequire } from "node:module";
import { SpanKind, type Tracer } from "@opentelemetry/api";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { type ReadableSpan, type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { TextArena, joinBuffers } from "../../src/exporters/delivery/buffers.ts";
import { ZipkinSpanProcessor } from "../../src/exporters/zipkin/exporter.ts";
import { createZipkinEncoder } from "../../src/exporters/zipkin/transform.ts";

const endpoint = process.env["BENCH_ZIPKIN"] as string;
const BATCH = 512;
const WARM_UP_BATCHES = 60;
const BATCHES = 200;

/** What upstream's default detectors find, without the cloud: all of it goes on each of upstream's spans. */
const resource: Resource = resourceFromAttributes({
  "service.name": "shop",
  "service.version": "1.0.0",
  "service.instance.id": "f7a71ddc-858f-491b-a688-e856e44db1fd",
  "telemetry.sdk.language": "nodejs",
  "telemetry.sdk.name": "opentelemetry",
  "telemetry.sdk.version": "3.0.0",
  "host.name": "web-7",
  "host.arch": "amd64",
  "os.type": "linux",
  "os.version": "6.1.0",
  "process.pid": 1,
  "process.executable.name": "node",
  "process.runtime.name": "nodejs",
  "process.runtime.version": "24.21.0",
});

/** As an HTTP server instrumentation makes it. */
function makeSpan(tracer: Tracer, index: number): void {
  const attributes = {
    "http.request.method": "GET",
    "url.scheme": "http",
    "url.path": `/users/${index}`,
    "server.address": "localhost",
    "server.port": 8080,
    "client.address": "127.0.0.1",
    "network.peer.address": "127.0.0.1",
    "network.peer.port": 40_000 + (index % 1_000),
    "user_agent.original": "benchmark",
    "network.protocol.version": "1.1",
  };
  const span = tracer.startSpan("GET /users/:id", { kind: SpanKind.SERVER, attributes });
  span.setAttribute("http.route", "/users/:id");
  span.setAttribute("http.response.status_code", 200);
  span.end();
}

function upstreamProcessor(): SpanProcessor {
  const fromPeer = createRequire(process.env["BENCH_PEER"] as string);
  const { BatchSpanProcessor } = fromPeer("@opentelemetry/sdk-trace") as typeof import("@opentelemetry/sdk-trace");
  const { ZipkinExporter } = fromPeer(
    "@opentelemetry/exporter-zipkin",
  ) as typeof import("@opentelemetry/exporter-zipkin");
  return new BatchSpanProcessor({ exporter: new ZipkinExporter({ url: endpoint }), maxExportBatchSize: BATCH });
}

function redtrailProcessor(): SpanProcessor {
  return new ZipkinSpanProcessor({
    destination: { urls: [endpoint], timeoutMs: 10_000 },
    batch: {
      maxQueueSize: 2_048,
      maxQueueBytes: 16_777_216,
      maxExportBatchSize: BATCH,
      maxExportBatchBytes: 1_048_576,
      scheduleDelayMs: 5_000,
      exportTimeoutMs: 30_000,
    },
  });
}

/** CPU of the whole process for each span: making it, writing it, sending it. */
async function endToEnd(processors: SpanProcessor[]): Promise<number> {
  const provider = new TracerProvider({ resource, spanProcessors: processors });
  const tracer = provider.getTracer("benchmark");
  const run = async (batches: number): Promise<void> => {
    for (let batch = 0; batch < batches; batch++) {
      for (let i = 0; i < BATCH; i++) makeSpan(tracer, i);
      await provider.forceFlush();
    }
  };
  await run(WARM_UP_BATCHES);
  const before = process.cpuUsage();
  await run(BATCHES);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (BATCHES * BATCH);
}

/** From a span that has ended to its bytes in a body. */
function encodeOnly(): number {
  const encode = createZipkinEncoder(resource.attributes);
  const ended: ReadableSpan[] = [];
  const keep: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => void ended.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const tracer = new TracerProvider({ resource, spanProcessors: [keep] }).getTracer("benchmark");
  for (let i = 0; i < BATCH; i++) makeSpan(tracer, i);
  let bytes = 0;
  const run = (batches: number): void => {
    for (let batch = 0; batch < batches; batch++) {
      const items: Buffer[] = [];
      const arena = new TextArena();
      for (const span of ended) {
        const item = arena.write(encode(span));
        bytes += item.length;
        items.push(item);
      }
      bytes -= joinBuffers(items, "[", ",", "]").length;
    }
  };
  run(WARM_UP_BATCHES);
  const start = performance.now();
  run(BATCHES);
  if (bytes > 0) throw new Error("the body holds less than its items");
  return ((performance.now() - start) * 1_000) / (BATCHES * BATCH);
}

const cases: Record<string, () => Promise<number>> = {
  "redtrail, encode alone": async () => encodeOnly(),
  redtrail: () => endToEnd([redtrailProcessor()]),
  upstream: () => endToEnd([upstreamProcessor()]),
  "no export": () => endToEnd([]),
};

const run = cases[process.argv[2] ?? ""];
if (run === undefined) throw new Error(`no case "${process.argv[2]}"`);
console.log(`@@${JSON.stringify({ us: await run() })}@@`);
process.exit(0);
