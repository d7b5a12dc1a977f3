// kafkajs 2 (Kafka): producers, transactions, and consumers by message and by batch.
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";
import { prototypeOf, wrapKnownMethod } from "../wrap-method.ts";
import { watchConsumer } from "./consumer.ts";
import { watchProducer } from "./producer.ts";
import type { Kafka } from "./types.ts";

type Host = Pick<InstrumentationHost, "tracer" | "messaging">;

export function instrumentKafkajs({
  modules,
  options,
  ...host
}: Host & Pick<InstrumentationHost, "modules" | "options">): void {
  const createSpans = options("kafkajs", ["createSpans"])["createSpans"] !== false;
  modules.watch("kafkajs", (exports, { file }) => {
    if (file === "") watchKafka(prototypeOf(exportOf(exports, "Kafka")) ?? {}, host, createSpans);
  });
}

/** Exported for its test. */
export function watchKafka(kafka: object, { tracer, messaging }: Host, createSpans: boolean): void {
  wrapKnownMethod<Kafka["producer"]>(
    "kafkajs",
    kafka,
    "producer",
    (make) =>
      function producerWithContext(this: Kafka, ...args) {
        const producer = make.apply(this, args);
        watchProducer(producer, { tracer, createSpans });
        return producer;
      },
  );
  wrapKnownMethod<Kafka["consumer"]>(
    "kafkajs",
    kafka,
    "consumer",
    (make) =>
      function consumerInContext(this: Kafka, ...args) {
        const consumer = make.apply(this, args);
        watchConsumer(consumer, { tracer, messaging, group: String(args[0]?.groupId) });
        return consumer;
      },
  );
}
