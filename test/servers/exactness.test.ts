// Rate and errors of HTTP, database and queue spans against what the servers themselves have counted, at four sampling rates.
//
//   load -> GET /work -> SERVER span
//             ├─ fetch /inner       CLIENT + SERVER
//             ├─ Redis INCR         CLIENT
//             └─ RabbitMQ publish   PRODUCER -> CONSUMER
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { RABBITMQ_PORT } from "../../scripts/servers/rabbitmq.ts";
import { REDIS_PORT } from "../../scripts/servers/redis.ts";
import { ZIPKIN_URL } from "../../scripts/servers/zipkin.ts";
import { type PackedApp, installPacked } from "../support/packed-app.ts";
import { runApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksPort, lacksServers } from "../support/servers.ts";

const APP = `
const http = require("node:http");
const Redis = require("ioredis");
const amqp = require("amqplib");

(async () => {
  const redis = new Redis(Number(process.env.REDIS_PORT));
  const connection = await amqp.connect("amqp://127.0.0.1:" + process.env.RABBITMQ_PORT);
  const channel = await connection.createChannel();
  const queue = process.env.QUEUE;
  await channel.assertQueue(queue, { durable: false });
  let consumed = 0;
  let inner = 0;
  await channel.consume(queue, (message) => { consumed++; channel.ack(message); });
  const server = http.createServer(async (request, response) => {
    if (request.url === "/inner") { inner++; response.statusCode = inner % 5 === 0 ? 503 : 200; return response.end(); }
    if (request.url === "/counts") return response.end(JSON.stringify({ consumed, inner, redis: await redis.get(queue + "-made") }));
    await (await fetch("http://127.0.0.1:" + server.address().port + "/inner")).text();
    await redis.incr(queue + "-made");
    if (request.url === "/work?bad") await redis.lpush(queue + "-made", "x").catch(() => {});
    channel.sendToQueue(queue, Buffer.from("job"));
    response.end();
  });
  server.listen(0, "127.0.0.1", () => console.log("listening http://127.0.0.1:" + server.address().port));
})();
`;
const REQUESTS = 500;
const BAD = 100;

const skip =
  (await lacksServers()) || (await lacksPort("Redis", REDIS_PORT)) || (await lacksPort("RabbitMQ", RABBITMQ_PORT));

describe("Counts are exact", { skip }, () => {
  let packed: PackedApp;

  before(() => {
    packed = installPacked("ioredis@5", "amqplib@0.10");
    packed.write("app.cjs", APP);
  });
  after(() => packed.remove());

  for (const ratio of ["0", "0.01", "0.5", "1"]) {
    test(`at sampling ratio ${ratio}, for HTTP server and client, database and queue`, async () => {
      const queue = `redtrail-${process.pid}-${ratio}`;
      const app = await runApp({
        app: [join(packed.folder, "app.cjs")],
        nodeArgs: ["--require", "redtrail/register"],
        cwd: packed.folder,
        env: {
          REDIS_PORT: String(REDIS_PORT),
          RABBITMQ_PORT: String(RABBITMQ_PORT),
          QUEUE: queue,
          OTEL_TRACES_SAMPLER: "traceidratio",
          OTEL_TRACES_SAMPLER_ARG: ratio,
          OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${ZIPKIN_URL}/api/v2/spans`,
        },
      });
      const before = await commandCounts();
      for (let i = 0; i < REQUESTS; i += 20) {
        const urls = Array.from(
          { length: 20 },
          (_, j) => `${app.url}/work${(i + j) % (REQUESTS / BAD) === 0 ? "?bad" : ""}`,
        );
        await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
      }
      const done = await allDone(app.url);
      const after = await commandCounts();
      const text = await app.scrape();
      const errors = { status_code: "STATUS_CODE_ERROR" };
      const found = {
        server: sumOf(text, "http_server_request_duration_seconds_count", { http_response_status_code: "200" }),
        serverErrors: sumOf(text, "http_server_request_duration_seconds_count", { error_type: "503" }),
        client: sumOf(text, "http_client_request_duration_seconds_count"),
        clientErrors: sumOf(text, "http_client_request_duration_seconds_count", { error_type: "503" }),
        incr: sumOf(text, "db_client_operation_duration_seconds_count", { db_operation_name: "INCR" }),
        lpush: sumOf(text, "db_client_operation_duration_seconds_count", { db_operation_name: "LPUSH" }),
        sent: sumOf(text, "messaging_client_operation_duration_seconds_count", { messaging_system: "rabbitmq" }),
        processed: sumOf(text, "messaging_process_duration_seconds_count", { messaging_system: "rabbitmq" }),
        failedCalls: sumOf(text, "traces_span_metrics_calls_total", { ...errors, span_kind: "SPAN_KIND_CLIENT" }),
      };
      await app.stop();
      const inner = done.inner;
      assert.deepEqual(found, {
        // Each asking how far it is was a request too.
        server: REQUESTS + inner - inner / 5 + done.asked,
        serverErrors: inner / 5,
        client: inner,
        clientErrors: inner / 5,
        incr: after.incr - before.incr,
        lpush: after.lpush - before.lpush,
        sent: REQUESTS,
        processed: done.consumed,
        failedCalls: inner / 5 + BAD,
      });
      assert.equal(done.consumed, REQUESTS);
      assert.equal(inner, REQUESTS);
      assert.equal(Number(done.redis), REQUESTS);
    });
  }
});

interface Done {
  readonly consumed: number;
  readonly inner: number;
  readonly redis: string;
  readonly asked: number;
}

async function allDone(url: string): Promise<Done> {
  for (let asked = 1; ; asked++) {
    const counts = (await (await fetch(`${url}/counts`)).json()) as Omit<Done, "asked">;
    if (counts.consumed === REQUESTS) return { ...counts, asked };
    if (asked > 100) throw new Error(`not done: ${JSON.stringify(counts)}`);
    await wait(50);
  }
}

/** What Redis itself has counted: calls of each command. */
async function commandCounts(): Promise<{ incr: number; lpush: number }> {
  const text = await redisCommand("INFO commandstats");
  const calls = (command: string): number => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
  return { incr: calls("incr"), lpush: calls("lpush") };
}

function redisCommand(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(REDIS_PORT, "127.0.0.1", () => socket.write(`${command}\r\nQUIT\r\n`));
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    socket.once("close", () => resolve(text)).once("error", reject);
  });
}
