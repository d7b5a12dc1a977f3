// kafkajs 2 (Kafka): producers, transactions, and consumers by message and by batch.
import { log } from "../../src/diagnostics/log.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { exportOf } from "../modules.ts";
import { watchConsumer } from "./consumer.ts";
import { watchProducer } from "./producer.ts";
import type { Kafka } from "./types.ts";

type Host = Pick<InstrumentationHost, "tracer" | "messaging">;

export function instrumentKafkajs({
  tracer,
  messaging,
  modules,
  options,
}: Host & Pick<InstrumentationHost, "modules" | "options">): void {
  const createSpans = options("kafkajs", ["createSpans"])["createSpans"] !== false;
  modules.watch("kafkajs", (exports, { file }) => {
    if (file !== "") return;
    const kafka = exportOf<{ readonly prototype: Kafka }>(exports, "Kafka");
    watchKafka(kafka?.prototype, { tracer, messaging }, createSpans);
  });
}

const watched = new WeakSet<Kafka>();

/** Exported for its test. */
export function watchKafka(kafka: Kafka | undefined, { tracer, messaging }: Host, createSpans: boolean): void {
  const { producer, consumer } = kafka ?? {};
  if (kafka === undefined || typeof producer !== "function" || typeof consumer !== "function") {
    log.warn("this version of kafkajs is not known (2 is); its messages carry no trace");
    return;
  }
  // An app that both imports and requires it has one class of it.
  if (watched.has(kafka)) return;
  watched.add(kafka);

  kafka.producer = function producerWithContext(...args) {
    return watchProducer(producer.apply(this, args), { tracer, createSpans });
  };
  kafka.consumer = function consumerInContext(...args) {
    const group = String(args[0]?.groupId);
    return watchConsumer(consumer.apply(this, args), { tracer, messaging, group });
  };
}
