// Requests through the real RabbitMQ by amqplib: one trace and one id, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RABBITMQ_PORT } from "../../scripts/servers/rabbitmq.ts";
import { seenBy, until } from "../support/messages.ts";
import { FIXTURES, type RunOptions, type RunningApp, runApp, spawnApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const URL_ = `amqp://127.0.0.1:${RABBITMQ_PORT}`;
const APP = join(FIXTURES, "rabbitmq-app.cjs");
const MODULE_APP = join(FIXTURES, "rabbitmq-app.mjs");
const skip = await lacksPort("RabbitMQ", RABBITMQ_PORT);

interface Seen {
  readonly body: string;
  readonly redelivered: boolean;
  readonly headers: Record<string, string>;
  readonly id?: string;
}

describe("RabbitMQ by amqplib", { skip }, () => {
  let zipkin: TestZipkin;
  let producer: RunningApp;
  let env: Record<string, string>;
  let queues = 0;
  const newQueue = (): string => `redtrail-test-${process.pid}-${++queues}`;

  before(async () => {
    zipkin = await startZipkin();
    env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint };
    producer = await startProducer();
  });
  after(async () => {
    await producer?.stop("SIGKILL");
    await zipkin?.close();
  });

  const startProducer = (options: Partial<RunOptions> = {}): Promise<RunningApp> =>
    runApp({ app: [APP, "producer", URL_], env, ...options });

  async function send(queue: string, body: string, query = "", { url } = producer): Promise<unknown> {
    const headers = { "x-request-id": `id-${queue}` };
    const response = await fetch(`${url}/${queue}?${query}`, { method: "POST", body, headers });
    return response.json();
  }

  const consume = (queue: string, api = "promises", app = APP): Promise<RunningApp> =>
    runApp({ app: [app, "consumer", URL_, queue, api], env });

  const named = (name: string): ZipkinSpan[] => zipkin.spans.filter((span) => span.name === name);

  for (const [api, app] of [
    ["promises", APP],
    ["promises as an ES module", MODULE_APP],
    ["callback", APP],
  ] as const) {
    test(`A message that waits for its consumer (${api}) is one trace with one id, and the app's headers stay`, async () => {
      const queue = newQueue();
      assert.deepEqual(await send(queue, "hello", "frozen"), { tenant: "a" });
      const consumer = await consume(queue, api, app);
      try {
        const spans = await zipkin.waitFor(
          (all) => all.filter(({ tags }) => tags["http.request.id"] === `id-${queue}`).length === 3,
        );
        const [server, sent, processed] = ["SERVER", "PRODUCER", "CONSUMER"].map((kind) =>
          spans.find((span) => span.kind === kind && span.tags["http.request.id"] === `id-${queue}`),
        );
        assert.equal(sent?.parentId, server?.id);
        assert.equal(processed?.parentId, sent?.id);
        assert.equal(processed?.traceId, server?.traceId);
        assert.equal(sent?.name, `publish ${queue}`);
        assert.equal(processed?.name, `process ${queue}`);
        assert.equal(sent?.tags["messaging.message.id"], "m-1");
        assert.ok(Number(processed?.tags["redtrail.messaging.queue.time"]) > 0);
        assert.deepEqual(
          seenBy<Seen>(consumer).map(({ body, headers }) => [body, headers["tenant"], headers["x-request-id"]]),
          [["hello", "a", `id-${queue}`]],
        );
      } finally {
        await consumer.stop("SIGKILL");
      }
    });
  }

  test("A poison message is processed in the trace of who sent it each time that it is delivered", async () => {
    const queue = newQueue();
    const consumer = await consume(queue);
    try {
      await send(queue, "poison");
      const spans = await zipkin.waitFor(
        (all) => all.filter(({ kind, name }) => kind === "CONSUMER" && name === `process ${queue}`).length === 2,
      );
      const tries = spans.filter(({ name }) => name === `process ${queue}`);
      assert.deepEqual(
        seenBy<Seen>(consumer).map(({ redelivered }) => redelivered),
        [false, true],
      );
      assert.equal(new Set(tries.map(({ parentId }) => parentId)).size, 1);
      assert.deepEqual(
        tries.map(({ tags }) => tags["http.request.id"]),
        [`id-${queue}`, `id-${queue}`],
      );
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("A hundred messages of one request are a hundred spans below it", async () => {
    const queue = newQueue();
    const consumer = await consume(queue);
    try {
      await send(queue, "one of many", "n=100");
      const spans = await zipkin.waitFor((all) => all.filter(({ name }) => name === `process ${queue}`).length === 100);
      const processed = spans.filter(({ name }) => name === `process ${queue}`);
      assert.equal(new Set(processed.map(({ traceId }) => traceId)).size, 1);
      assert.equal(new Set(processed.map(({ parentId }) => parentId)).size, 100);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("A consumer without redtrail gets the message as it was, with headers more", async () => {
    const queue = newQueue();
    await send(queue, "for a stranger");
    const stranger = spawnApp({ app: [APP, "consumer", URL_, queue, "stranger"], nodeArgs: [] });
    try {
      const [message] = await until(() => (seenBy<Seen>(stranger).length === 1 ? seenBy<Seen>(stranger) : undefined));
      assert.equal(message?.body, "for a stranger");
      assert.deepEqual(Object.keys(message.headers).toSorted(), ["tenant", "traceparent", "x-request-id", "x-sent-at"]);
    } finally {
      await stranger.stop("SIGKILL");
    }
  });

  test("A message of a producer without redtrail starts a trace, with an id of its own", async () => {
    const queue = newQueue();
    const stranger = spawnApp({ app: [APP, "producer", URL_], nodeArgs: [] });
    const consumer = await consume(queue);
    try {
      const url = await until(() => /listening (\S+)/.exec(stranger.stdout())?.[1]);
      await fetch(`${url}/${queue}`, { method: "POST", body: "from a stranger" });
      const spans = await zipkin.waitFor((all) => all.some(({ name }) => name === `process ${queue}`));
      const span = spans.find(({ name }) => name === `process ${queue}`);
      assert.equal(span?.parentId, undefined);
      assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
    } finally {
      await consumer.stop("SIGKILL");
      await stranger.stop("SIGKILL");
    }
  });

  test("A message that a killed consumer had is delivered again in its trace, and so are those of a producer that was killed", async () => {
    const queue = newQueue();
    const first = await startProducer({ env: { ...env, REDTRAIL_ENGINE: "node-sdk" } });
    await send(queue, "before", "", first);
    await zipkin.waitFor(() => named(`publish ${queue}`).length === 1);
    await first.stop("SIGKILL");
    const killed = await consume(queue, "hang");
    await until(() => (seenBy<Seen>(killed).length === 1 ? true : undefined));
    await killed.stop("SIGKILL");
    const second = await startProducer();
    await send(queue, "after", "", second);
    const consumer = await consume(queue);
    try {
      await zipkin.waitFor(() => named(`process ${queue}`).length === 2 && named(`publish ${queue}`).length === 2);
      assert.deepEqual(
        named(`process ${queue}`).map(({ parentId }) => parentId),
        named(`publish ${queue}`).map(({ id }) => id),
      );
      assert.deepEqual(
        seenBy<Seen>(consumer).map(({ body, redelivered }) => [body, redelivered]),
        [
          ["before", true],
          ["after", false],
        ],
      );
    } finally {
      await consumer.stop("SIGKILL");
      await second.stop("SIGKILL");
    }
  });

  // HTTP POST (SERVER) > publish Q (PRODUCER) > receive Q (CLIENT), process Q (CONSUMER)
  test("What get pulls is received and processed in the trace of its sender, and an empty queue makes no spans", async () => {
    const queue = newQueue();
    const consumer = await consume(queue, "get");
    try {
      await send(queue, "pulled", "frozen");
      await zipkin.waitFor(() => named(`process ${queue}`).length === 1 && named(`receive ${queue}`).length === 1);
      const [sent] = named(`publish ${queue}`);
      const [received] = named(`receive ${queue}`);
      const [processed] = named(`process ${queue}`);
      assert.deepEqual([received?.parentId, processed?.parentId], [sent?.id, sent?.id]);
      assert.deepEqual([received?.kind, processed?.kind], ["CLIENT", "CONSUMER"]);
      assert.equal(received?.tags["messaging.operation.type"], "receive");
      assert.equal(received?.tags["messaging.message.id"], "m-1");
      assert.equal(processed?.tags["messaging.system"], "rabbitmq");
      assert.equal(processed?.tags["http.request.id"], `id-${queue}`);
      assert.equal(seenBy<Seen>(consumer)[0]?.id, `id-${queue}`);
      const scrape = await consumer.scrape();
      const labels = { messaging_system: "rabbitmq", messaging_destination_name: queue };
      const received_ = { ...labels, messaging_operation_type: "receive" };
      assert.equal(sumOf(scrape, "messaging_client_operation_duration_seconds_count", received_), 1);
      assert.equal(sumOf(scrape, "messaging_process_duration_seconds_count", labels), 1);
      assert.equal(sumOf(scrape, "redtrail_messaging_queue_time_seconds_count", labels), 1);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("The callback of get runs in the request of the message", async () => {
    const queue = newQueue();
    const consumer = await consume(queue, "get-callback");
    try {
      await send(queue, "pulled");
      await zipkin.waitFor(() => named(`receive ${queue}`).length === 1);
      assert.equal(named(`receive ${queue}`)[0]?.parentId, named(`publish ${queue}`)[0]?.id);
      assert.equal(seenBy<Seen>(consumer)[0]?.id, `id-${queue}`);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  // HTTP POST (SERVER) > publish Q (PRODUCER) > process Q (CONSUMER) > publish amq.rabbitmq.reply-to (PRODUCER) > process ... (CONSUMER)
  test("A call and its reply are one trace, whose names are not those of connections", async () => {
    const queue = newQueue();
    const consumer = await consume(queue);
    try {
      assert.deepEqual(await send(queue, "there", "rpc&frozen"), { answer: "there back" });
      const reply = "amq.rabbitmq.reply-to";
      await zipkin.waitFor(() => named(`process ${reply}`).length === 1 && named(`publish ${reply}`).length === 1);
      const chain = [`publish ${queue}`, `process ${queue}`, `publish ${reply}`, `process ${reply}`].map(
        (name) => named(name)[0],
      );
      assert.deepEqual(
        chain.slice(1).map((span) => span?.parentId),
        chain.slice(0, -1).map((span) => span?.id),
      );
      assert.equal(new Set(chain.map((span) => span?.traceId)).size, 1);
      assert.equal(chain[3]?.tags["http.request.id"], `id-${queue}`);
      const labels = { messaging_destination_name: "(temporary)" };
      assert.equal(sumOf(await consumer.scrape(), "messaging_client_operation_duration_seconds_count", labels), 1);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("Returned messages, cancelled consumers and deleted queues are the app's as ever", async () => {
    const queue = newQueue();
    assert.deepEqual(await send(`${queue}-nowhere`, "returned", "mandatory"), {
      code: 312,
      tenant: "a",
      body: "returned",
    });
    const cancelled = await consume(queue);
    await send(queue, "cancel");
    await until(() => seenBy<{ cancelled?: boolean }>(cancelled).find((one) => one.cancelled));
    await send(queue, "delete");
    await cancelled.stop("SIGKILL");
    const consumer = await consume(queue);
    try {
      const isCancelled = (): true | undefined =>
        seenBy<{ cancelledByServer?: true }>(consumer).find((one) => one.cancelledByServer)?.cancelledByServer;
      assert.equal(await until(isCancelled), true);
      assert.equal(seenBy<Seen>(consumer)[0]?.body, "delete");
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("Messages whose headers about fill a frame are taken, the fullest without headers of ours", async () => {
    const queue = newQueue();
    const narrow = await startProducer({ app: [APP, "producer", `${URL_}?frameMax=4096`] });
    const sizes = [3980, 3930, 3880, 3830, 3780, 3730, 3680, 3630, 3580];
    for (const size of sizes) await send(queue, String(size), `fill=${size}`, narrow);
    const consumer = await consume(queue);
    try {
      const seen = await until(() => (seenBy(consumer).length === sizes.length ? seenBy<Seen>(consumer) : undefined));
      assert.deepEqual(
        seen.map(({ body }) => body),
        sizes.map(String),
      );
      assert.deepEqual(Object.keys(seen[0]?.headers ?? {}), ["tenant", "fill"]);
      assert.equal(seen.at(-1)?.headers["x-request-id"], `id-${queue}`);
    } finally {
      await consumer.stop("SIGKILL");
      await narrow.stop("SIGKILL");
    }
  });
});
