// Consumers that are cancelled, stopped and closed while they process a message: the app sees what it sees without redtrail, and each
// message has its span.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { KAFKA_PORT } from "../../scripts/servers/kafka.ts";
import { NATS_PORT } from "../../scripts/servers/nats.ts";
import { RABBITMQ_PORT } from "../../scripts/servers/rabbitmq.ts";
import { FIXTURES, runToEnd } from "../support/run-app.ts";
import { lacksPort } from "../support/servers.ts";
import { startZipkin } from "../support/zipkin.ts";

for (const [library, server, port, url, processed, failed] of [
  ["amqplib", "RabbitMQ", RABBITMQ_PORT, `amqp://127.0.0.1:${RABBITMQ_PORT}`, 4, 1],
  ["kafkajs", "Kafka", KAFKA_PORT, `127.0.0.1:${KAFKA_PORT}`, 2, 0],
  ["nats", "NATS", NATS_PORT, `nats://127.0.0.1:${NATS_PORT}`, 6, 0],
] as const) {
  describe(`Ends of consumers of ${library}`, { skip: await lacksPort(server, port) }, () => {
    test("They are what they are without redtrail, and every message's span is ended", async () => {
      const zipkin = await startZipkin();
      try {
        const app = (name: string): string[] => [
          join(FIXTURES, "messaging-ends-app.cjs"),
          library,
          url,
          `redtrail-ends-${process.pid}-${name}`,
        ];
        const [bare, watched] = await Promise.all([
          runToEnd({ app: app("bare"), nodeArgs: [] }),
          runToEnd({ app: app("watched"), env: { OTEL_EXPORTER_ZIPKIN_ENDPOINT: zipkin.endpoint } }),
        ]);
        // What happens in the same turn may be told in either order.
        assert.deepEqual(watched.stdout.split("\n").toSorted(), bare.stdout.split("\n").toSorted());
        assert.match(bare.stdout, /app: end\n$/, bare.stderr);
        assert.deepEqual([watched.code, watched.signal], [bare.code, bare.signal]);
        const spans = zipkin.spans.filter(({ kind }) => kind === "CONSUMER");
        assert.equal(spans.length, processed);
        assert.equal(spans.filter(({ tags }) => tags["error.type"] !== undefined).length, failed);
      } finally {
        await zipkin.close();
      }
    });
  });
}
