// Requests through SQS and SNS, as moto serves them: one trace and one id, within ten attributes, whoever of the two sides has redtrail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SNSClient, CreateTopicCommand, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AWS_PORT, AWS_URL } from "../../scripts/servers/aws.ts";
import { seenBy, until } from "../support/messages.ts";
import { FIXTURES, type RunOptions, type RunningApp, runApp, spawnApp } from "../support/run-app.ts";
import { sumOf } from "../support/scrape.ts";
import { lacksPort } from "../support/servers.ts";
import { type TestZipkin, type ZipkinSpan, startZipkin } from "../support/zipkin.ts";

const APP = join(FIXTURES, "aws-app.cjs");
const MODULE_APP = join(FIXTURES, "aws-app.mjs");
const ARN = "123456789012";
const skip = await lacksPort("moto", AWS_PORT);

interface Seen {
  readonly body: string;
  readonly id?: string;
  readonly MessageAttributes?: Record<string, { readonly StringValue: string }>;
  readonly MD5OfMessageAttributes?: string;
  readonly Attributes?: Record<string, string>;
}

describe("SQS and SNS by the AWS SDK", { skip }, () => {
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const options = { endpoint: AWS_URL, region: "us-east-1", credentials };
  const sqs = new SQSClient(options);
  const sns = new SNSClient(options);
  let zipkin: TestZipkin;
  let producer: RunningApp;
  let env: Record<string, string>;
  let queues = 0;

  /** What is received and not deleted comes again after a second. */
  async function newQueue(): Promise<string> {
    const queue = `redtrail-test-${process.pid}-${++queues}`;
    await sqs.send(new CreateQueueCommand({ QueueName: queue, Attributes: { VisibilityTimeout: "1" } }));
    return queue;
  }

  const startProducer = (more: Partial<RunOptions> = {}): Promise<RunningApp> =>
    runApp({ app: [APP, "producer", AWS_URL], env, ...more });

  before(async () => {
    zipkin = await startZipkin();
    env = { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint };
    producer = await startProducer();
  });
  after(async () => {
    await producer?.stop("SIGKILL");
    await zipkin?.close();
    sqs.destroy();
    sns.destroy();
  });

  async function send(queue: string, body: string, query = "", { url } = producer): Promise<void> {
    const headers = { "x-request-id": `id-${queue}` };
    const response = await fetch(`${url}/${queue}?${query}`, { method: "POST", body, headers });
    assert.equal(response.status, 200, await response.text());
  }

  const consume = (queue: string, by = "message", app = APP): Promise<RunningApp> =>
    runApp({ app: [app, "consumer", AWS_URL, queue, by], env });

  const named = (name: string): ZipkinSpan[] => zipkin.spans.filter((span) => span.name === name);

  // HTTP POST (SERVER) > send Q (PRODUCER) > receive Q (CLIENT), process Q (CONSUMER)
  for (const [system, app] of [
    ["a CommonJS app", APP],
    ["an ES module app", MODULE_APP],
  ] as const) {
    test(`A message that waits for its consumer, ${system}, is one trace with one id, and the app sees what it asked for`, async () => {
      const queue = await newQueue();
      await send(queue, "hello", "frozen");
      const consumer = await consume(queue, "message", app);
      try {
        await zipkin.waitFor(() => named(`process ${queue}`).length >= 1 && named(`receive ${queue}`).length >= 1);
        const [sent] = named(`send ${queue}`);
        const [received] = named(`receive ${queue}`);
        const [processed] = named(`process ${queue}`);
        assert.deepEqual([sent?.kind, received?.kind, processed?.kind], ["PRODUCER", "CLIENT", "CONSUMER"]);
        assert.ok(zipkin.spans.some(({ kind, traceId }) => kind === "SERVER" && traceId === sent?.traceId));
        assert.deepEqual([received?.parentId, processed?.parentId], [sent?.id, sent?.id]);
        assert.equal(processed?.tags["messaging.system"], "aws_sqs");
        assert.equal(processed?.tags["http.request.id"], `id-${queue}`);
        assert.equal(processed?.tags["messaging.message.id"], sent?.tags["messaging.message.id"]);
        assert.ok(Number(processed?.tags["redtrail.messaging.queue.time"]) > 0);
        const [seen] = seenBy<Seen>(consumer);
        assert.equal(seen?.id, `id-${queue}`);
        assert.deepEqual(Object.keys(seen?.MessageAttributes ?? {}), ["tenant"]);
        assert.equal(seen?.Attributes, undefined);
        if (app !== APP) return;
        const scrape = await consumer.scrape();
        const labels = { messaging_system: "aws_sqs", messaging_destination_name: queue };
        const client = { ...labels, messaging_operation_type: "receive" };
        assert.equal(sumOf(scrape, "messaging_client_operation_duration_seconds_count", client), 1);
        assert.equal(sumOf(scrape, "messaging_process_duration_seconds_count", labels), 1);
        assert.equal(sumOf(scrape, "redtrail_messaging_queue_time_seconds_count", labels), 1);
      } finally {
        await consumer.stop("SIGKILL");
      }
    });
  }

  for (const [own, ours] of [
    [8, ["traceparent", "x-request-id"]],
    [9, ["traceparent"]],
    [10, []],
  ] as const) {
    test(`A message with ${own} attributes of the app gets ${ours.length} of ours`, async () => {
      const queue = await newQueue();
      await send(queue, "hello", `own=${own}&frozen`);
      const stranger = spawnApp({ app: [APP, "consumer", AWS_URL, queue, "stranger"], nodeArgs: [] });
      try {
        const [seen] = await until(() => (seenBy(stranger).length > 0 ? seenBy<Seen>(stranger) : undefined));
        const names = Object.keys(seen?.MessageAttributes ?? {});
        assert.equal(names.length, own + ours.length);
        assert.deepEqual(names.filter((name) => !/^(own|tenant)/.test(name)).toSorted(), ours);
        assert.equal(seen?.body, "hello");
      } finally {
        await stranger.stop("SIGKILL");
      }
    });
  }

  test("A message that a killed consumer had is delivered again in its trace, and so are those of a producer that was killed", async () => {
    const queue = await newQueue();
    const first = await startProducer({ env: { ...env, REDTRAIL_ENGINE: "node-sdk" } });
    await send(queue, "before", "", first);
    await zipkin.waitFor(() => named(`send ${queue}`).length === 1);
    await first.stop("SIGKILL");
    const killed = await consume(queue, "hang");
    await until(() => (seenBy(killed).length === 1 ? true : undefined));
    await killed.stop("SIGKILL");
    const second = await startProducer();
    await send(queue, "after", "", second);
    const consumer = await consume(queue);
    try {
      await zipkin.waitFor(() => named(`process ${queue}`).length === 2 && named(`send ${queue}`).length === 2);
      assert.deepEqual(
        new Set(named(`process ${queue}`).map(({ parentId }) => parentId)),
        new Set(named(`send ${queue}`).map(({ id }) => id)),
      );
      const bodies = seenBy<Seen>(consumer).map(({ body }) => body);
      assert.deepEqual(bodies.toSorted(), ["after", "before"]);
    } finally {
      await consumer.stop("SIGKILL");
      await second.stop("SIGKILL");
    }
  });

  test("A poison message is processed in the trace of who sent it each time that it is delivered", async () => {
    const queue = await newQueue();
    const consumer = await consume(queue);
    try {
      await send(queue, "poison");
      await zipkin.waitFor(() => named(`process ${queue}`).length === 2);
      const [sent] = named(`send ${queue}`);
      assert.deepEqual(
        named(`process ${queue}`).map(({ parentId, tags }) => [parentId, tags["error.type"]]),
        [
          [sent?.id, "TypeError"],
          [sent?.id, undefined],
        ],
      );
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  // HTTP POST (SERVER) > create Q (PRODUCER) x 10 > process Q (CONSUMER) each; send Q (CLIENT) and receive Q (CLIENT) link to them
  test("A hundred messages by ten batches are a hundred spans below as many, and all of them is received", async () => {
    const queue = await newQueue();
    for (let batch = 0; batch < 10; batch++) await send(queue, "one of many", "n=10&frozen");
    const consumer = await consume(queue);
    try {
      await zipkin.waitFor(() => named(`process ${queue}`).length === 100, 30_000);
      const created = new Set(named(`create ${queue}`).map(({ id }) => id));
      assert.equal(created.size, 100);
      assert.deepEqual(new Set(named(`process ${queue}`).map(({ parentId }) => parentId)), created);
      assert.equal(named(`send ${queue}`).length, 10);
      const [received] = named(`receive ${queue}`);
      assert.equal(received?.tags["messaging.batch.message_count"], "10");
      const links = Object.entries(received?.tags ?? {}).filter(([key]) => key.startsWith("otel.link."));
      const linked = links.map(([, link]) => (JSON.parse(link) as { spanId: string }).spanId);
      assert.equal(linked.length, 10);
      assert.ok(linked.every((id) => created.has(id)));
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  for (const [kind, raw] of [
    ["as it was", "true"],
    ["in an envelope", "false"],
  ] as const) {
    // HTTP POST (SERVER) > publish T (PRODUCER) > process Q (CONSUMER)
    test(`What SNS passes on to a queue ${kind} is one trace with one id`, async () => {
      const queue = await newQueue();
      await sns.send(new CreateTopicCommand({ Name: queue }));
      await sns.send(
        new SubscribeCommand({
          TopicArn: `arn:aws:sns:us-east-1:${ARN}:${queue}`,
          Protocol: "sqs",
          Endpoint: `arn:aws:sqs:us-east-1:${ARN}:${queue}`,
          Attributes: { RawMessageDelivery: raw },
        }),
      );
      const consumer = await consume(queue, "all");
      try {
        await send(queue, "published", "topic&frozen");
        await send(queue, "published together", "topic&n=2&frozen");
        await zipkin.waitFor(() => named(`process ${queue}`).length === 3);
        const sender = ({ parentId }: ZipkinSpan): string => zipkin.spans.find(({ id }) => id === parentId)?.name ?? "";
        assert.deepEqual(named(`process ${queue}`).map(sender).toSorted(), [
          `create ${queue}`,
          `create ${queue}`,
          `publish ${queue}`,
        ]);
        assert.equal(named(`publish ${queue}`)[0]?.tags["messaging.system"], "aws.sns");
        assert.deepEqual(
          seenBy<Seen>(consumer).map(({ id }) => id),
          [`id-${queue}`, `id-${queue}`, `id-${queue}`],
        );
      } finally {
        await consumer.stop("SIGKILL");
      }
    });
  }

  test("A message as large as SQS takes is taken, and has no attributes of ours then", async () => {
    const queue = await newQueue();
    const body = "x".repeat(262_144 - 60);
    await send(queue, body);
    const consumer = await consume(queue);
    try {
      const [seen] = await until(() => (seenBy(consumer).length > 0 ? seenBy<Seen>(consumer) : undefined));
      assert.equal(seen?.body, `${body.length} bytes`);
      await zipkin.waitFor(() => named(`process ${queue}`).length === 1);
      assert.equal(named(`process ${queue}`)[0]?.parentId, undefined);
    } finally {
      await consumer.stop("SIGKILL");
    }
  });

  test("A queue that is not there fails as without us, and the span says why", async () => {
    const response = await fetch(`${producer.url}/redtrail-nowhere`, { method: "POST", body: "lost" });
    assert.deepEqual(await response.json(), { error: "QueueDoesNotExist" });
    await zipkin.waitFor(() => named("send redtrail-nowhere").length === 1);
    assert.equal(named("send redtrail-nowhere")[0]?.tags["error.type"], "QueueDoesNotExist");
  });

  test("A message of a producer without redtrail starts a trace, with an id of its own, and SQS tells how long it waited", async () => {
    const queue = await newQueue();
    const stranger = spawnApp({ app: [APP, "producer", AWS_URL], nodeArgs: [] });
    const consumer = await consume(queue);
    try {
      const url = await until(() => /listening (\S+)/.exec(stranger.stdout())?.[1]);
      await fetch(`${url}/${queue}`, { method: "POST", body: "from a stranger" });
      await zipkin.waitFor(() => named(`process ${queue}`).length === 1);
      const [span] = named(`process ${queue}`);
      assert.equal(span?.parentId, undefined);
      assert.match(span?.tags["http.request.id"] ?? "", /^[0-9a-f-]{36}$/);
      assert.ok(Number(span?.tags["redtrail.messaging.queue.time"]) >= 0);
    } finally {
      await consumer.stop("SIGKILL");
      await stranger.stop("SIGKILL");
    }
  });
});
