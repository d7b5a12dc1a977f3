// `npm run demo`: three services under --require, mixed traffic, then one request as a tree and the RED table of them all.
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { type SpanStore, startCollector } from "./collector.ts";
import { routeRows } from "./prometheus-text.ts";
import { findPrometheus, findZipkin } from "./real-servers.ts";
import { type Service, startService, stopServices } from "./service.ts";
import { type TrafficCounts, sendTraffic } from "./traffic.ts";
import { traceTree } from "./trace-tree.ts";

const DURATION_MS = 8_000;
const services: Service[] = [];
/** Every process that was started, also one that does not listen yet. */
const children: ChildProcess[] = [];
const death: PromiseWithResolvers<never> = Promise.withResolvers();

function say(text = ""): void {
  console.log(text);
}

function showProgress(started: number, store: SpanStore): (counts: TrafficCounts) => void {
  let lines = 0;
  let spans = 0;
  return ({ sent, ok, failed, aborted }) => {
    // Asked for beside the traffic, never waited for: the line shows the newest count that is there.
    store.countReceived().then(
      (count) => (spans = count),
      () => {},
    );
    const seconds = (performance.now() - started) / 1000;
    const text = `  ${seconds.toFixed(1).padStart(4)} s   ${sent} requests: ${ok} ok, ${failed} failed, ${aborted} given up by the caller   ${spans} spans received`;
    if (process.stdout.isTTY) process.stdout.write(`\r${text}\u001b[K`);
    else if (lines++ % 8 === 0) say(text);
  };
}

async function startServices(endpoint: string, signal: AbortSignal): Promise<Service> {
  const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: endpoint };
  const worker = await addService("worker", "worker.mjs", env, signal);
  const stock = await addService("stock", "stock.mjs", { ...env, WORKER_PORT: String(worker.port) }, signal);
  return addService("shop", "shop.cjs", { ...env, STOCK_PORT: String(stock.port) }, signal);
}

async function addService(
  name: string,
  file: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Service> {
  signal.throwIfAborted();
  const service = await startService(name, file, env, children);
  service.died.catch(death.reject);
  services.push(service);
  return service;
}

/** Resolves with the trace's id. */
async function showTree(store: SpanStore, shop: Service, signal: AbortSignal): Promise<string> {
  const requestId = `demo-${randomUUID().slice(0, 8)}`;
  const response = await fetch(`http://127.0.0.1:${shop.port}/products/42`, { headers: { "x-request-id": requestId } });
  await response.text();
  let spans = await store.findTrace(requestId);
  for (let i = 0; i < 60 && spans.length < 7; i++) {
    await wait(100, undefined, { signal });
    spans = await store.findTrace(requestId);
  }
  say(
    `One request, followed by its X-Request-ID ${requestId} (the answer carries it too: ${response.headers.get("x-request-id")})`,
  );
  say();
  for (const line of traceTree(spans)) say(`  ${line}`);
  const everywhere = spans.every(({ tags }) => tags["http.request.id"] === requestId);
  say();
  say(
    `  ${spans.length} spans in ${new Set(spans.map((span) => span.localEndpoint.serviceName)).size} services, ${everywhere ? "each" : "NOT each"} with the request id`,
  );
  const [first] = spans;
  if (first === undefined || spans.length < 7 || !everywhere) throw new Error("the trace is not whole");
  return first.traceId;
}

async function showTable(elapsedMs: number): Promise<void> {
  say();
  say("Rate, errors and duration per route, from the scraped metrics");
  say();
  say(
    `  ${"service".padEnd(8)}${"route".padEnd(30)}${["req", "req/s", "errors", "given up", "p50", "p95", "p99"].map((head) => head.padStart(10)).join("")}`,
  );
  for (const { name, metricsUrl } of services) {
    for (const row of routeRows(await (await fetch(metricsUrl)).text())) {
      const share = (part: number): string => (part === 0 ? "-" : `${((100 * part) / row.count).toFixed(1)} %`);
      const seconds = (value: number): string => (Number.isNaN(value) ? "-" : `${(value * 1000).toFixed(0)} ms`);
      const cells = [row.count, (row.count / (elapsedMs / 1000)).toFixed(1), share(row.errors), share(row.aborted)];
      const times = [row.p50, row.p95, row.p99].map(seconds);
      say(
        `  ${name.padEnd(8)}${row.route.padEnd(30)}${[...cells, ...times].map((cell) => String(cell).padStart(10)).join("")}`,
      );
    }
  }
}

async function run(store: SpanStore, signal: AbortSignal): Promise<void> {
  const shop = await startServices(store.endpoint, signal);
  say("redtrail demo: shop (Express) -> stock (node:http, ES module) -> worker (fetch), each started with");
  say("  node --require redtrail/register <app>");
  for (const { name, port, metricsUrl } of services)
    say(`  ${name.padEnd(7)} http://127.0.0.1:${port}   metrics, while this runs: ${metricsUrl}`);
  const prometheus = await findPrometheus();
  say(`  spans go to ${store.description}`);
  if (prometheus !== undefined)
    say(`  Prometheus is up at ${prometheus}; the table below is from the demo's own scrapes`);
  say();
  const started = performance.now();
  await sendTraffic(`http://127.0.0.1:${shop.port}`, DURATION_MS, signal, showProgress(started, store));
  signal.throwIfAborted();
  const elapsedMs = performance.now() - started;
  if (process.stdout.isTTY) say();
  say();
  const traceId = await showTree(store, shop, signal);
  await showTable(elapsedMs);
  say();
  if (store.traceUrl !== undefined) say(`The tree in Zipkin: ${store.traceUrl(traceId)}`);
  else say("To look at traces in a real Zipkin: npm run servers, and run the demo again.");
  say("Your own app: npm install redtrail, then node --require redtrail/register app.js");
  say("Its metrics: http://127.0.0.1:9464/metrics   Its spans: http://127.0.0.1:9411 (OTEL_EXPORTER_ZIPKIN_ENDPOINT)");
}

/** Runs the demo until it is through, a service dies, or a signal comes; no process and no socket of it is left after. */
async function main(): Promise<void> {
  const stopping = new AbortController();
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(name, () => {
        process.exitCode = 128 + constants.signals[name];
        reject(new Error(`ended by ${name}`));
      });
    }
  });
  const store = (await findZipkin()) ?? (await startCollector());
  try {
    await Promise.race([run(store, stopping.signal), interrupted, death.promise]);
  } catch (error) {
    process.exitCode ??= 1;
    if (process.stdout.isTTY) say();
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    stopping.abort();
    await stopServices(children);
    store.close();
  }
}

await main();
