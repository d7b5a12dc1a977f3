// `node benchmarks/exits.ts [--write]`: what becomes of the last spans, by every way in which a process can end, beside upstream.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, get, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { table } from "./lib/report.ts";
import { installUpstream, upstreamVersion } from "./lib/upstream.ts";
import { BASE, ROOT, type Variant, chooseVariants, cleanEnvironment, exporterEnvironment } from "./lib/variants.ts";
import { freePort } from "./lib/free-port.ts";

const APP = join(import.meta.dirname, "apps/exits.cjs");
const GIVE_UP_MS = 15_000;

interface Ending {
  readonly title: string;
  /** What the app does; see apps/exits.cjs. */
  readonly end: string;
  readonly signal?: NodeJS.Signals;
  /** Spans that the app has ended by then. */
  readonly spans: number;
  /** A request that is answered late in the drain. */
  readonly slow?: boolean;
}

const ENDINGS: readonly Ending[] = [
  { title: "natural end", end: "natural", spans: 1 },
  { title: "SIGTERM, no handler", end: "", signal: "SIGTERM", spans: 1 },
  { title: "SIGTERM, handler closes the server", end: "handler", signal: "SIGTERM", spans: 1 },
  { title: "SIGINT, no handler", end: "", signal: "SIGINT", spans: 1 },
  { title: "SIGINT, handler closes the server", end: "handler", signal: "SIGINT", spans: 1 },
  { title: "SIGTERM, 6 s drain, process.exit(0)", end: "drain", signal: "SIGTERM", spans: 2, slow: true },
  { title: "process.exit(3)", end: "process.exit", spans: 1 },
  { title: "uncaught exception", end: "uncaught exception", spans: 1 },
  { title: "unhandled rejection", end: "unhandled rejection", spans: 1 },
];

type Backend = "takes spans" | "refuses connections" | "never answers";

interface Zipkin {
  readonly port: number;
  spans(): number;
  close(): void;
}

async function startZipkin(backend: Backend): Promise<Zipkin> {
  if (backend === "refuses connections") return { port: await freePort(), spans: () => 0, close: () => {} };
  let spans = 0;
  const server = createServer((request, response) => {
    if (backend === "never answers") return;
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      spans += (JSON.parse(body) as unknown[]).length;
      response.writeHead(202).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    spans: () => spans,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function request(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: "127.0.0.1", agent: new Agent() }, (response) => {
      response.resume().on("close", resolve);
    }).on("error", reject);
  });
}

/** One cell of the table: `1/1, code 0, 23 ms`. */
async function endOnce(variant: Variant, { end, signal, spans, slow }: Ending, backend: Backend): Promise<string> {
  const zipkin = await startZipkin(backend);
  const ports = { zipkinPort: zipkin.port, prometheusPort: await freePort() };
  const child = spawn(process.execPath, [...variant.nodeArguments, APP], {
    env: {
      ...cleanEnvironment(),
      ...exporterEnvironment(ports),
      ...variant.environment,
      // As it is by default: nothing has been sent when the end comes.
      OTEL_BSP_SCHEDULE_DELAY: "5000",
      END: end,
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const port = Number(/listening (\d+)/.exec(line)?.[1]);
  const late = slow === true ? request(port, "/slow").catch(() => {}) : undefined;
  await request(port, "/");
  const triggered = performance.now();
  if (signal !== undefined) {
    await wait(50);
    child.kill(signal);
  }
  const result = await Promise.race([ended, wait(GIVE_UP_MS, undefined, { ref: false })]);
  const ms = performance.now() - triggered - 50;
  child.kill("SIGKILL");
  await ended;
  await late;
  const delivered = variant.name === BASE ? "-" : `${zipkin.spans()}/${spans}`;
  zipkin.close();
  if (result === undefined) return `${delivered}, does not end`;
  const [code, by] = result;
  return `${delivered}, ${by ?? `code ${code}`}, ${ms.toFixed(0)} ms`;
}

async function tableFor(variants: readonly Variant[], backend: Backend, endings: readonly Ending[]): Promise<string> {
  const rows: string[][] = [];
  for (const ending of endings) {
    const cells: string[] = [];
    for (const variant of variants) cells.push(await endOnce(variant, ending, backend));
    rows.push([ending.title, ...cells]);
    console.error(`exits: Zipkin ${backend}: ${[ending.title, ...cells].join(" | ")}`);
  }
  return `## Zipkin ${backend}\n\n${table(["end", ...variants.map(({ name }) => name)], rows)}\n`;
}

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
installUpstream(ROOT);
const variants = chooseVariants([BASE, "redtrail", "upstream"]);
const sections = [
  await tableFor(variants, "takes spans", ENDINGS),
  await tableFor(variants, "refuses connections", ENDINGS),
  await tableFor(variants, "never answers", ENDINGS),
];
const report = [
  "# How processes end",
  "",
  "Made by `node benchmarks/exits.ts --write`. An app that has answered a request ends in each way; nothing has been sent by then.",
  "Cells: spans that Zipkin got, of those that had ended; exit code or signal; time from the trigger to the end.",
  `Upstream: ${upstreamVersion()}; base: nothing preloaded. An end that has not come after ${GIVE_UP_MS / 1_000} s is none.`,
  "redtrail's deadline, REDTRAIL_SHUTDOWN_TIMEOUT, is at its default of 2 s (1 s where only `exit` is left).",
  "",
  ...sections,
].join("\n");
if (values.write) writeFileSync(join(import.meta.dirname, "exits.md"), report);
else console.log(report);
