// What is used of @aws-sdk/client-sqs and client-sns 3: https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/
import type { MessageHeaders } from "../../src/messaging/message.ts";

/** A message on its way out: of SQS, or of SNS. */
export interface Outgoing {
  readonly MessageBody?: unknown;
  readonly Message?: unknown;
  readonly MessageAttributes?: MessageHeaders;
}

export interface SendInput extends Outgoing {
  readonly QueueUrl?: string;
  readonly TopicArn?: string;
  readonly TargetArn?: string;
  /** SendMessageBatch */
  readonly Entries?: readonly Outgoing[];
  /** PublishBatch */
  readonly PublishBatchRequestEntries?: readonly Outgoing[];
}

export interface SendOutput {
  readonly MessageId?: string;
  readonly Failed?: readonly { readonly Code?: string }[];
}

export interface ReceiveInput {
  readonly QueueUrl?: string;
  readonly MessageAttributeNames?: readonly string[];
  readonly MessageSystemAttributeNames?: readonly string[];
  /** As it was called before. */
  readonly AttributeNames?: readonly string[];
}

/** The SDK has made it, and the app has not seen it yet. */
export interface ReceivedMessage {
  readonly MessageId?: string;
  readonly Body?: string;
  MessageAttributes?: MessageHeaders;
  MD5OfMessageAttributes?: string;
  Attributes?: Record<string, string>;
}

export interface ReceiveOutput {
  readonly Messages?: readonly ReceivedMessage[];
}

interface Handled<Output> {
  readonly output: Output;
}
export interface Args<Input> {
  readonly input: Input;
}
export type Next<Input, Output> = (args: Args<Input>) => Promise<Handled<Output>>;

type Middleware = (next: Next<unknown, unknown>, context: { readonly commandName?: string }) => Next<unknown, unknown>;

export interface Client {
  readonly middlewareStack: {
    add(middleware: Middleware, options: { step: string; priority: string; name: string }): void;
  };
  send(this: Client, ...args: unknown[]): unknown;
}
