// What is used of kafkajs 2: https://kafka.js.org

export type KafkaHeaders = Record<string, unknown>;

export interface SentMessage {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly partition?: number;
  readonly headers?: KafkaHeaders | null;
}

export interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly SentMessage[];
}

export interface RecordMetadata {
  readonly partition?: number;
  readonly baseOffset?: string;
}

export interface Sender {
  send(record: TopicMessages): Promise<readonly RecordMetadata[] | undefined>;
  sendBatch(batch: { readonly topicMessages?: readonly TopicMessages[] }): Promise<unknown>;
}

export interface Producer extends Sender {
  transaction(): Promise<Sender>;
}

export interface KafkaMessage {
  readonly key?: unknown;
  readonly value?: Uint8Array | null;
  readonly offset: string;
  /** Epoch milliseconds, as text. */
  readonly timestamp?: string;
  readonly headers?: KafkaHeaders;
}

export interface EachMessagePayload {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
}

export interface EachBatchPayload {
  readonly batch: { readonly topic: string; readonly partition: number; readonly messages: readonly KafkaMessage[] };
}

type Handler<Payload> = ((this: unknown, payload: Payload) => unknown) | null;

export interface RunConfig {
  readonly eachMessage?: Handler<EachMessagePayload>;
  readonly eachBatch?: Handler<EachBatchPayload>;
}

export interface Consumer {
  run(config?: RunConfig | null): Promise<void>;
}

export interface Kafka {
  producer(options?: unknown): Producer;
  consumer(options?: { readonly groupId?: string }): Consumer;
}
