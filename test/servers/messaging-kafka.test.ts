// Requests through the real Kafka by kafkajs: one trace and one id, message by message and by batch, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { KAFKA_PORT } from "../../scripts/servers/kafka.ts";
import { seenBy, until } from "../support/messages.ts";
import { FIXTURES, type RunOptions, type RunningApp, runApp, spawnApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const BROKER = `127.0.0.1:${KAFKA_PORT}`;
const APP = join(FIXTURES, "kafka-app.cjs");
const MODULE_APP = join(FIXTURES, "kafka-app.mjs");
const skip = await lacksPort("Kafka", KAFKA_PORT);

interface Seen {
  readonly key?: string | null;
  readonly body: string | null;
  readonly offset: string;
  readonly headers: Record<string, string | string[]>;
  readonly id?: string;
}

describe("Kafka by kafkajs", { skip }, () => {
  let zipkin: TestZipkin;
  let admin: Admin;
  let producer: RunningApp;
  let env: Record<string, string>;
  let topics = 0;

  async function newTopic(): Promise<string> {
    const topic = `redtrail-test-${process.pid}-${Date.now()}-${++topics}`;
    await admin.createTopics({ topics: [{ topic }, { topic: `${topic}-2` }], waitForLeaders: true });
    return topic;
  }

  const startProducer = (options: Partial<RunOptions> = {}): Promise<RunningApp> =>
    runApp({ app: [APP, "producer", BROKER], env, ...options });

  before(async () => {
    zipkin = await startZipkin();
    env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint };
    const retry = { initialRetryTime: 50, retries: 8 };
    admin = new Kafka({ brokers: [BROKER], logLevel: logLevel.NOTHING, retry }).admin();
    await admin.connect();
    producer = await startProducer();
  });
  after(async () => {
    await producer?.stop("SIGKILL");
    await admin?.disconnect();
    await zipkin?.close();
  });

  async function send(topic: string, body: string, query = "", { url } = producer): Promise<{ unchanged: boolean }> {
    const headers = { "x-request-id": `id-${topic}` };
    const response = await fetch(`${url}/${topic}?${query}`, { method: "POST", body, headers });
    const answer = (await response.json()) as { unchanged: boolean };
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer;
  }

  const consume = (topic: string, by = "message", options: Partial<RunOptions> = {}): Promise<RunningApp> =>
    runApp({ app: [APP, "consumer", BROKER, topic, by], env, ...options });

  const named = (name: string): ZipkinSpan[] => zipkin.spans.filter((span) => span.name === name);

  // HTTP POST (SERVER) > send T (PRODUCER) > process T (CONSUMER)
  for (const [system, app] of [
    ["a CommonJS app", APP],
    ["an ES module app", MODULE_APP],
  ] as const) {
    test(`A message that waits for its consumer, ${system}, is one trace with one id, and the app's objects stay`, async () => {
      const topic = await newTopic();
      assert.deepEqual(await send(topic, "hello", "frozen"), { unchanged: true });
      const consumer = await runApp({ app: [app, "consumer", BROKER, topic], env });
      try {
        await zipkin.waitFor(() => named(`process ${topic}`).length === 1);
        const [processed] = named(`process ${topic}`);
        const [sent] = named(`send ${topic}`);
        const server = zipkin.spans.find(({ id }) => id === sent?.parentId);
        assert.equal(server?.kind, "SERVER");
        assert.deepEqual([sent?.kind, processed?.kind], ["PRODUCER", "CONSUMER"]);
        assert.equal(processed?.parentId, sent?.id);
        assert.equal(processed?.traceId, server?.traceId);
        assert.equal(processed?.tags["http.request.id"], `id-${topic}`);
        assert.equal(sent?.tags["messaging.kafka.offset"], "0");
        assert.equal(processed?.tags["messaging.kafka.offset"], "0");
        assert.equal(processed?.tags["messaging.destination.partition.id"], "0");
        assert.equal(processed?.tags["messaging.consumer.group.name"], `group-${topic}`);
        assert.equal(processed?.tags["messaging.kafka.message.key"], "k-1");
        assert.ok(Number(processed?.tags["redtrail.messaging.queue.time"]) > 0);
        const [seen] = seenBy<Seen>(consumer);
        assert.equal(seen?.id, `id-${topic}`);
        assert.equal(seen?.body, "hello");
        if (app === APP) {
          assert.equal(seen?.headers["tenant"], "a");
          assert.equal(seen?.headers["bytes"], "b");
          assert.deepEqual(seen?.headers["list"], ["c", "d"]);
        }
      } finally {
        await consumer.stop("SIGKILL");
      }
    });
  }

  test("A message that a killed consumer had is delivered again in its trace, and so are those of a producer that was killed", async () => {
    const topic = await newTopic();
    const first = await startProducer();
    await send(topic, "before", "", first);
    await zipkin.waitFor(() => named(`send ${topic}`).length === 1);
    await first.stop("SIGKILL");
    const killed = await consume(topic, "hang");
    await until(() => (seenBy(killed).length === 1 ? true : undefined));
    await killed.stop("SIGKILL");
    const second = await startProducer();
    await send(topic, "after", "", second);
    // Joins the group once the broker misses the killed member.
    const consumer = await consume(topic);
    try {
      await zipkin.waitFor(() => named(`process ${topic}`).length === 2 && named(`send ${topic}`).length === 2);
      assert.deepEqual(
        named(`process ${topic}`).map(({ parentId }) => parentId),
        named(`send ${topic}`).map(({ id }) => id),
      );
      assert.deepEqual(
        seenBy<Seen>(consumer).map(({ body }) => body),
        ["before", "after"],
      );
    } finally {
      await consumer.stop("SIGKILL");
      await second.stop("SIGKILL");
    }
  });

  test("A poison message is processed in the trace of who sent it each time that it is delivered", async () => {
    const topic = await newTopic();
    const consumer = await consume(topic);
    try {
      await send(topic, "poison");
      await zipkin.waitFor(() => named(`process ${topic}`).length === 2, 30_000);
      const tries = named(`process ${topic}`);
      const [sent] = named(`send ${topic}`);
      assert.deepEqual(
        tries.map(({ parentId, tags }) => [parentId, tags["error.type"], tags["messaging.kafka.offset"]]),
        [
          [sent?.id, "E_POISON", "0"],
          [sent?.id, undefined, "0"],
        ],
      );
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  // HTTP POST (SERVER) > create T (PRODUCER) x 100 > process T (CONSUMER) each; send T (CLIENT) links to the hundred
  test("A hundred messages of one call are a hundred spans below as many, all in the trace of the call", async () => {
    const topic = await newTopic();
    const consumer = await consume(topic);
    try {
      assert.deepEqual(await send(topic, "one of many", "n=100&frozen"), { unchanged: true });
      await zipkin.waitFor(() => named(`process ${topic}`).length === 100, 20_000);
      const created = new Set(named(`create ${topic}`).map(({ id }) => id));
      assert.equal(created.size, 100);
      assert.deepEqual(new Set(named(`process ${topic}`).map(({ parentId }) => parentId)), created);
      const [sent, ...more] = named(`send ${topic}`);
      assert.equal(more.length, 0);
      assert.equal(sent?.kind, "CLIENT");
      assert.equal(sent?.tags["messaging.batch.message_count"], "100");
      assert.equal(new Set(named(`process ${topic}`).map(({ traceId }) => traceId)).size, 1);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("Without spans for each message, the one of the call is what all of them belong to", async () => {
    const topic = await newTopic();
    const plain = await startProducer({
      env: { ...env, REDTRAIL_INSTRUMENTATION_KAFKAJS_CREATE_SPANS: "false", REDTRAIL_ENGINE: "node-sdk" },
    });
    const consumer = await consume(topic);
    try {
      await send(topic, "one of three", "n=3", plain);
      await zipkin.waitFor(() => named(`process ${topic}`).length === 3);
      await plain.stop();
      await zipkin.waitFor(() => named(`send ${topic}`).length === 1);
      const [sent] = named(`send ${topic}`);
      assert.equal(sent?.kind, "PRODUCER");
      assert.deepEqual(
        named(`process ${topic}`).map(({ parentId }) => parentId),
        [sent?.id, sent?.id, sent?.id],
      );
    } finally {
      await consumer.stop("SIGKILL");
      await plain.stop("SIGKILL");
    }
  });

  test("eachBatch runs in a span of its own, in the request that all its messages are of", async () => {
    const topic = await newTopic();
    await send(topic, "one of many", "n=100");
    const consumer = await consume(topic, "batch");
    try {
      await zipkin.waitFor(() => named(`process ${topic}`).length === 1);
      const [processed] = named(`process ${topic}`);
      assert.equal(processed?.parentId, undefined);
      assert.equal(processed?.tags["messaging.batch.message_count"], "100");
      assert.equal(processed?.tags["http.request.id"], `id-${topic}`);
      assert.deepEqual(seenBy(consumer), [{ batch: 100, id: `id-${topic}` }]);
      const scrape = await consumer.scrape();
      const labels = { messaging_system: "kafka", messaging_destination_name: topic };
      assert.equal(sumOf(scrape, "messaging_process_duration_seconds_count", labels), 1);
      assert.equal(sumOf(scrape, "redtrail_messaging_queue_time_seconds_count", labels), 1);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("withMessage processes each message of a batch in the trace of its sender", async () => {
    const topic = await newTopic();
    await send(topic, "one of three", "n=3");
    const consumer = await consume(topic, "iterate");
    try {
      const created = (): ZipkinSpan[] => named(`create ${topic}`);
      await zipkin.waitFor(() => named(`process ${topic}`).length === 4 && created().length === 3);
      const single = named(`process ${topic}`).filter(({ parentId }) => parentId !== undefined);
      assert.deepEqual(
        single.map(({ parentId, tags }) => [parentId, tags["messaging.kafka.offset"], tags["messaging.system"]]),
        created().map(({ id }, index) => [id, String(index), "kafka"]),
      );
      const batch = named(`process ${topic}`).find(({ parentId }) => parentId === undefined);
      const links = single.map(({ tags }) => JSON.parse(tags["otel.link.0"] ?? "{}") as { spanId?: string });
      assert.deepEqual(
        links.map(({ spanId }) => spanId),
        [batch?.id, batch?.id, batch?.id],
      );
      assert.deepEqual(
        seenBy<Seen>(consumer).map(({ id }) => id),
        [`id-${topic}`, `id-${topic}`, `id-${topic}`],
      );
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("Messages of a transaction, of several topics, and without a value are traced as others are", async () => {
    const topic = await newTopic();
    assert.deepEqual(await send(topic, "in a transaction", "transaction&frozen"), { unchanged: true });
    assert.deepEqual(await send(topic, "of two", "batch&frozen"), { unchanged: true });
    assert.deepEqual(await send(topic, "", "tombstone"), { unchanged: true });
    const consumer = await consume(topic);
    try {
      await zipkin.waitFor(() => named(`process ${topic}`).length === 3);
      const processed = named(`process ${topic}`).sort((a, b) => a.timestamp - b.timestamp);
      const sender = (span: ZipkinSpan | undefined): string | undefined =>
        zipkin.spans.find(({ id }) => id === span?.parentId)?.name;
      assert.deepEqual(processed.map(sender), [`send ${topic}`, `create ${topic}`, `send ${topic}`]);
      assert.equal(processed[2]?.tags["messaging.kafka.message.tombstone"], "true");
      assert.deepEqual(
        seenBy<Seen>(consumer).map(({ body, key }) => [body, key]),
        [
          ["in a transaction", "k-1"],
          ["of two", "k-1"],
          [null, "k-1"],
        ],
      );
      assert.equal(named(`create ${topic}-2`).length, 1);
      assert.equal(named("send").length, 1);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("Messages about as large as the broker takes are taken, the largest without headers", async () => {
    const topic = await newTopic();
    const sizes = [80, 130, 180, 230, 280, 330, 380, 430].map((less) => 1_048_588 - less);
    for (const size of sizes) await send(topic, "x".repeat(size), "bare");
    const consumer = await consume(topic);
    try {
      const seen = await until(() => (seenBy(consumer).length === sizes.length ? seenBy<Seen>(consumer) : undefined));
      assert.deepEqual(
        seen.map(({ body }) => body),
        sizes.map((size) => `${size} bytes`),
      );
      assert.deepEqual(seen[0]?.headers, {});
      assert.equal(seen.at(-1)?.headers["x-request-id"], `id-${topic}`);
      const bare = seen.filter(({ headers }) => !("traceparent" in headers)).length;
      assert.equal(sumOf(await producer.scrape(), "redtrail_messaging_bare_total"), bare);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("What the broker refuses fails as without us, and the span says why", async () => {
    const topic = await newTopic();
    const response = await fetch(`${producer.url}/${topic}`, { method: "POST", body: "x".repeat(1_100_000) });
    assert.match(((await response.json()) as { error: string }).error, /larger than the max message size/);
    await zipkin.waitFor(() => named(`send ${topic}`).length === 1);
    assert.equal(named(`send ${topic}`)[0]?.tags["error.type"], "MESSAGE_TOO_LARGE");
  });

  test("A consumer without redtrail gets the message as it was, with headers more", async () => {
    const topic = await newTopic();
    await send(topic, "for a stranger");
    const stranger = spawnApp({ app: [APP, "consumer", BROKER, topic, "stranger"], nodeArgs: [] });
    try {
      const [message] = await until(() => (seenBy(stranger).length === 1 ? seenBy<Seen>(stranger) : undefined));
      assert.deepEqual([message?.body, message?.key], ["for a stranger", "k-1"]);
      assert.deepEqual(Object.keys(message?.headers ?? {}).toSorted(), [
        "bytes",
        "list",
        "tenant",
        "traceparent",
        "x-request-id",
        "x-sent-at",
      ]);
    } finally {
      await stranger.stop("SIGKILL");
    }
  });

  test("A message of a producer without redtrail starts a trace, with an id of its own, and the broker tells how long it waited", async () => {
    const topic = await newTopic();
    const stranger = spawnApp({ app: [APP, "producer", BROKER], nodeArgs: [] });
    const consumer = await consume(topic);
    try {
      const url = await until(() => /listening (\S+)/.exec(stranger.stdout())?.[1]);
      await fetch(`${url}/${topic}`, { method: "POST", body: "from a stranger" });
      await zipkin.waitFor(() => named(`process ${topic}`).length === 1);
      const [span] = named(`process ${topic}`);
      assert.equal(span?.parentId, undefined);
      assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
      assert.ok(Number(span?.tags["redtrail.messaging.queue.time"]) > 0);
    } finally {
      await consumer.stop("SIGKILL");
      await stranger.stop("SIGKILL");
    }
  });
});
