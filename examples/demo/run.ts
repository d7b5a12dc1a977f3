// `npm run demo`: three services under --require, mixed traffic, then one request as a tree and the RED table of them all.
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type SpanStore, findZipkin, startCollector } from "./collector.ts";
import { routeRows } from "./prometheus-text.ts";
import { type Service, startService } from "./service.ts";
import { type TrafficCounts, sendTraffic } from "./traffic.ts";
import { traceTree } from "./trace-tree.ts";

const DURATION_MS = 8_000;
const services: Service[] = [];

function say(text = ""): void {
  console.log(text);
}

function showProgress(started: number): (counts: TrafficCounts) => void {
  let lines = 0;
  return ({ sent, ok, failed, aborted }) => {
    const seconds = (performance.now() - started) / 1000;
    const text = `  ${seconds.toFixed(1).padStart(4)} s   ${sent} requests: ${ok} ok, ${failed} failed, ${aborted} given up by the caller`;
    if (process.stdout.isTTY) process.stdout.write(`\r${text}\u001b[K`);
    else if (lines++ % 8 === 0) say(text);
  };
}

async function startServices(endpoint: string): Promise<Service> {
  const env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: endpoint };
  const worker = await startService("worker", "worker.mjs", env);
  services.push(worker);
  const stock = await startService("stock", "stock.mjs", { ...env, WORKER_PORT: String(worker.port) });
  services.push(stock);
  const shop = await startService("shop", "shop.cjs", { ...env, STOCK_PORT: String(stock.port) });
  services.push(shop);
  return shop;
}

async function showTree(store: SpanStore, shop: Service): Promise<void> {
  const requestId = `demo-${randomUUID().slice(0, 8)}`;
  const response = await fetch(`http://127.0.0.1:${shop.port}/products/42`, { headers: { "x-request-id": requestId } });
  await response.text();
  let spans = await store.findTrace(requestId);
  for (let i = 0; i < 60 && spans.length < 7; i++) {
    await wait(100);
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
  if (spans.length < 7 || !everywhere) throw new Error("the trace is not whole");
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

async function main(): Promise<void> {
  const store = (await findZipkin()) ?? (await startCollector());
  const shop = await startServices(store.endpoint);
  say("redtrail demo: shop (Express) -> stock (node:http, ES module) -> worker (fetch), each started with");
  say("  node --require redtrail/register <app>");
  for (const { name, port, metricsUrl } of services)
    say(`  ${name.padEnd(7)} http://127.0.0.1:${port}   metrics ${metricsUrl}`);
  say(`  spans go to ${store.description}`);
  say();
  const started = performance.now();
  await sendTraffic(`http://127.0.0.1:${shop.port}`, DURATION_MS, showProgress(started));
  const elapsedMs = performance.now() - started;
  if (process.stdout.isTTY) say();
  say();
  await showTree(store, shop);
  await showTable(elapsedMs);
  say();
  say("Your own app: npm install redtrail, then node --require redtrail/register app.js");
  store.close();
}

function stopServices(): void {
  for (const { child } of services) child.kill("SIGTERM");
}

process.once("SIGINT", () => {
  stopServices();
  process.exitCode = 130;
});
try {
  await main();
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  stopServices();
}
