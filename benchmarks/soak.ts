// `node benchmarks/soak.ts [--minutes 5] [--write]`: all the traffic that one process can take, while both backends come and go.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, type Server, type ServerResponse, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { sumOf } from "../test/support/scrape.ts";
import { table } from "./lib/report.ts";
import { ROOT, cleanEnvironment } from "./lib/variants.ts";

const CONNECTIONS = 32;
const SAMPLE_EVERY_MS = 5_000;
/** The first of it is compiling and growing to size. */
const SETTLED_AFTER = 0.3;
/** What the backends do, each for so long; then from the start again. */
const MOODS = [
  ["takes everything", 7_000],
  ["answers 503", 3_000],
  ["resets connections", 3_000],
  ["takes everything", 7_000],
  ["never answers", 4_000],
  ["answers 429", 3_000],
] as const;

type Mood = (typeof MOODS)[number][0];
let mood: Mood = "takes everything";
const taken = { zipkin: 0, elasticsearch: 0 };

function answer(request: IncomingMessage, response: ServerResponse, take: (body: Buffer) => string): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (mood === "never answers") return;
    if (mood === "resets connections") request.socket.resetAndDestroy();
    else if (mood !== "takes everything") response.writeHead(Number(mood.slice(-3))).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(take(Buffer.concat(chunks)));
  });
}

function countOf(body: Buffer, mark: string): number {
  let count = 0;
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + 1)) count++;
  return count;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function startBackends(): Promise<{ zipkin: string; elasticsearch: string }> {
  const zipkin = createServer((request, response) =>
    answer(request, response, (body) => {
      taken.zipkin += countOf(body, '"traceId"');
      return "";
    }),
  );
  const elasticsearch = createServer((request, response) =>
    answer(request, response, (body) => {
      taken.elasticsearch += countOf(body, '{"create"');
      return '{"errors":false,"items":[]}';
    }),
  );
  return {
    zipkin: `http://127.0.0.1:${await listen(zipkin)}/api/v2/spans`,
    elasticsearch: `http://127.0.0.1:${await listen(elasticsearch)}`,
  };
}

interface Sample {
  readonly minutes: number;
  readonly rssMb: number;
  readonly heapMb: number;
}

interface Books {
  readonly made: number;
  readonly sent: number;
  readonly queued: number;
  readonly dropped: number;
}

function booksOf(text: string, noun: "span" | "log", made: number): Books {
  const exported = `otel_sdk_exporter_${noun}_exported_total`;
  const sent = sumOf(text, exported, { error_type: undefined });
  return {
    made,
    sent,
    queued: sumOf(text, `otel_sdk_processor_${noun}_queue_size`),
    dropped: sumOf(text, exported) - sent,
  };
}

/** MB a minute, by least squares over what is settled. */
function slopeOf(samples: readonly Sample[], read: (sample: Sample) => number): number {
  const settled = samples.slice(Math.floor(samples.length * SETTLED_AFTER));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(settled.map(({ minutes }) => minutes)), mean(settled.map(read))];
  const above = settled.reduce((sum, sample) => sum + (sample.minutes - x) * (read(sample) - y), 0);
  return above / settled.reduce((sum, { minutes }) => sum + (minutes - x) ** 2, 0);
}

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "5" }, write: { type: "boolean", default: false } },
});
const minutes = Number(values.minutes);
const backends = await startBackends();
const app = spawn(
  process.execPath,
  ["--require", join(ROOT, "dist/register.cjs"), join(import.meta.dirname, "apps/exits.cjs")],
  {
    env: {
      ...cleanEnvironment(),
      OTEL_SERVICE_NAME: "soak",
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: backends.zipkin,
      OTEL_EXPORTER_ZIPKIN_TIMEOUT: "2000",
      OTEL_EXPORTER_PROMETHEUS_PORT: "0",
      REDTRAIL_REQUEST_LOG: "elasticsearch",
      REDTRAIL_ELASTICSEARCH_URL: backends.elasticsearch,
      REDTRAIL_ELASTICSEARCH_TIMEOUT: "2000",
    },
    stdio: ["ignore", "pipe", "pipe"],
  },
);
let stderr = "";
app.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
const [line] = (await once(app.stdout.setEncoding("utf8"), "data")) as [string];
const port = Number(/listening (\d+)/.exec(line)?.[1]);
while (!/metrics at \S+/.test(stderr)) await wait(20);
const metricsUrl = /metrics at (\S+?),/.exec(stderr)?.[1] as string;
const scrape = async (): Promise<string> => (await fetch(metricsUrl)).text();

const run = { isOver: false };
let requests = 0;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
async function load(): Promise<void> {
  while (!run.isOver) {
    await new Promise<void>((resolve) => {
      get({ port, agent, path: "/users/42" }, (response) => void response.resume().on("close", resolve));
    });
    requests++;
  }
}
async function flap(): Promise<void> {
  for (let i = 0; !run.isOver; i++) {
    const [next, ms] = MOODS[i % MOODS.length] as (typeof MOODS)[number];
    mood = next;
    await wait(ms);
  }
}

const start = performance.now();
const loads = Array.from({ length: CONNECTIONS }, load);
void flap();
const samples: Sample[] = [];
while (performance.now() - start < minutes * 60_000) {
  await wait(SAMPLE_EVERY_MS);
  const text = await scrape();
  samples.push({
    minutes: (performance.now() - start) / 60_000,
    rssMb: (Number(readFileSync(`/proc/${app.pid}/statm`, "utf8").split(" ")[1]) * 4_096) / 1e6,
    heapMb: sumOf(text, "v8js_memory_heap_used_bytes") / 1e6,
  });
  console.error(`soak: ${requests} requests, RSS ${samples.at(-1)?.rssMb.toFixed(0)} MB, ${mood}`);
}
run.isOver = true;
await Promise.all(loads);
mood = "takes everything";
await wait(12_000);
const text = await scrape();
const made = sumOf(text, "http_server_request_duration_seconds_count");
const books = { zipkin: booksOf(text, "span", made), elasticsearch: booksOf(text, "log", made) };
app.kill("SIGKILL");

const rows = Object.entries(books).map(([name, { sent, queued, dropped }]) => [
  name,
  ...[made, sent, queued, dropped].map((count) => count.toLocaleString("en-US")),
  made === sent + queued + dropped ? "yes" : `**no: ${made - sent - queued - dropped}**`,
  taken[name as keyof typeof taken].toLocaleString("en-US"),
]);
const range = (read: (sample: Sample) => number): string => {
  const all = samples.slice(Math.floor(samples.length * SETTLED_AFTER)).map(read);
  return `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)} MB, slope ${slopeOf(samples, read).toFixed(2)} MB a minute`;
};
const report = [
  "# Soak",
  "",
  `Made by \`node benchmarks/soak.ts --minutes ${minutes} --write\` on ${new Date().toISOString().slice(0, 10)}: ${requests.toLocaleString("en-US")} requests in ${minutes} minutes (${Math.round(requests / minutes / 60).toLocaleString("en-US")}/s, what one process took beside its load and both backends on two cores), every span sampled, while Zipkin and Elasticsearch went through: ${MOODS.map(([name, ms]) => `${name} (${ms / 1_000} s)`).join(", ")}; again and again.`,
  "",
  table(["exporter", "made", "sent", "queued", "dropped", "made = sent + queued + dropped", "arrived"], rows),
  "",
  `- RSS after the first ${SETTLED_AFTER * 100} %: ${range(({ rssMb }) => rssMb)}`,
  `- heap used: ${range(({ heapMb }) => heapMb)}`,
  "- More arrives than was sent where a server that had taken a batch did not say so in time; ids make it one.",
  "",
].join("\n");
if (values.write) writeFileSync(join(import.meta.dirname, "soak.md"), report);
console.log(report);
process.exit(0);
