// The handlers that an app gives to a consumer of kafkajs.
import type { Tracer } from "@opentelemetry/api";
import type { MessagingConfig } from "../../src/config/config.ts";
import { MAX_SINGLED_OUT, processBatch } from "../../src/messaging/batch.ts";
import type { Received } from "../../src/messaging/received.ts";
import { isPromise } from "../../src/messaging/run.ts";
import { processMessage } from "../../src/messaging/spans.ts";
import { inPlaceOf, wrapKnownMethod } from "../wrap-method.ts";
import { GROUP, PARTITION, receivedAttributes } from "./attributes.ts";
import type { Consumer, KafkaMessage, RunConfig } from "./types.ts";

export interface ConsumerSettings {
  readonly tracer: Tracer;
  readonly messaging: MessagingConfig;
  readonly group: string;
}

export function watchConsumer(consumer: Consumer, settings: ConsumerSettings): void {
  wrapKnownMethod<Consumer["run"]>(
    "kafkajs",
    consumer,
    "run",
    (run) =>
      function runInContext(this: Consumer, config, ...rest) {
        return run.call(this, withContext(config, settings), ...rest);
      },
  );
}

/** Handlers get what kafkajs gives them, and give back what they gave: commits and heartbeats are as they were. */
function withContext(
  config: RunConfig | null | undefined,
  { tracer, messaging, group }: ConsumerSettings,
): RunConfig | null | undefined {
  // What kafkajs does not take it says itself.
  if (config === undefined || config === null) return config;
  const { eachMessage, eachBatch } = config;
  const watched: { -readonly [Key in keyof RunConfig]: RunConfig[Key] } = {};

  if (typeof eachMessage === "function") {
    watched.eachMessage = inPlaceOf(
      "eachMessage of kafkajs",
      eachMessage,
      (eachMessage) =>
        function eachMessageInContext(payload) {
          const { topic, partition, message } = payload;
          return processMessage(tracer, messaging, describe(message, topic, partition, group), () =>
            awaited(eachMessage.call(this, payload)),
          );
        },
    );
  }

  if (typeof eachBatch === "function") {
    watched.eachBatch = inPlaceOf(
      "eachBatch of kafkajs",
      eachBatch,
      (eachBatch) =>
        function eachBatchInContext(payload) {
          const { topic, partition, messages } = payload.batch;
          const handle = (): unknown => awaited(eachBatch.call(this, payload));
          const [first] = messages;
          if (first !== undefined && messages.length === 1) {
            return processMessage(tracer, messaging, describe(first, topic, partition, group), handle);
          }
          const batch = {
            system: "kafka",
            destination: topic,
            messages: messages
              .slice(0, MAX_SINGLED_OUT)
              .map(({ headers = {}, timestamp }) => ({ headers, sentAtMs: Number(timestamp) })),
            count: messages.length,
            attributes: { [PARTITION]: String(partition), [GROUP]: group },
            describe: (message: object) =>
              isKafkaMessage(message) ? describe(message, topic, partition, group) : undefined,
          };
          return processBatch(tracer, messaging, batch, handle);
        },
    );
  }

  return { ...config, ...watched };
}

/** kafkajs waits for whatever has a `then`, a query too: it is sent once, and in the message's context. */
function awaited(result: unknown): unknown {
  const { then } = (result ?? {}) as { readonly then?: unknown };
  return typeof then === "function" && !isPromise(result) ? Promise.resolve(result) : result;
}

function describe(message: KafkaMessage, topic: string, partition: number, group: string): Received {
  return {
    system: "kafka",
    destination: topic,
    headers: message.headers ?? {},
    attributes: receivedAttributes(message, partition, group),
    sentAtMs: Number(message.timestamp),
  };
}

/** As kafkajs decodes them. */
function isKafkaMessage(message: object): message is KafkaMessage {
  return "offset" in message && "timestamp" in message && "value" in message;
}
