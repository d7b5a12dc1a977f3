// Requests through the real RabbitMQ by amqplib: one trace and one id, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RABBITMQ_PORT } from "../../scripts/servers/rabbitmq.ts";
import { FIXTURES, type RunningApp, runApp, spawnApp } from "../support/run-app.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, startZipkin } from "../support/zipkin.ts";

const URL_ = `amqp://127.0.0.1:${RABBITMQ_PORT}`;
const APP = join(FIXTURES, "rabbitmq-app.cjs");
const skip = await lacksPort("RabbitMQ", RABBITMQ_PORT);

interface Seen {
  readonly body: string;
  readonly redelivered: boolean;
  readonly headers: Record<string, string>;
}

/** What a consumer has printed. */
const seenBy = (app: Pick<RunningApp, "stdout">): Seen[] =>
  app
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Seen);

describe("RabbitMQ by amqplib", { skip }, () => {
  let zipkin: TestZipkin;
  let producer: RunningApp;
  let env: Record<string, string>;
  let queues = 0;
  const newQueue = (): string => `redtrail-test-${process.pid}-${++queues}`;

  before(async () => {
    zipkin = await startZipkin();
    env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint };
    producer = await runApp({ app: [APP, "producer", URL_], env });
  });
  after(async () => {
    await producer?.stop("SIGKILL");
    await zipkin?.close();
  });

  async function send(queue: string, body: string, query = "", id = `id-${queue}`): Promise<unknown> {
    const response = await fetch(`${producer.url}/${queue}?${query}`, {
      method: "POST",
      body,
      headers: { "x-request-id": id },
    });
    return response.json();
  }

  const consume = (queue: string, api = "promises"): Promise<RunningApp> =>
    runApp({ app: [APP, "consumer", URL_, queue, api], env });

  for (const api of ["promises", "callback"]) {
    test(`A message that waits for its consumer (${api}) is one trace with one id, and the app's headers stay`, async () => {
      const queue = newQueue();
      assert.deepEqual(await send(queue, "hello", "frozen"), { tenant: "a" });
      const consumer = await consume(queue, api);
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
          seenBy(consumer).map(({ body, headers }) => [body, headers["tenant"], headers["x-request-id"]]),
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
        seenBy(consumer).map(({ redelivered }) => redelivered),
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
    const stranger = spawnApp({ app: [APP, "consumer", URL_, queue], nodeArgs: [] });
    try {
      const [message] = await until(() => (seenBy(stranger).length === 1 ? seenBy(stranger) : undefined));
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
});

async function until<Value>(read: () => Value | undefined): Promise<Value> {
  for (let tries = 0; tries < 300; tries++) {
    const value = read();
    if (value !== undefined) return value;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("nothing came");
}
