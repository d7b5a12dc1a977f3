// What is used of amqplib: https://amqp-node.github.io/amqplib/
import type { MessageHeaders } from "../../src/messaging/message.ts";

export interface Fields {
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly consumerTag?: unknown;
}

export interface Properties {
  headers?: MessageHeaders;
  readonly messageId?: string;
  readonly correlationId?: string;
}

export interface Delivered {
  readonly fields: Fields;
  readonly properties: Properties;
  readonly content: Uint8Array;
}

export interface Channel {
  readonly connection?: {
    readonly frameMax?: number;
    readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  };
  /** The listeners, by their tags. */
  readonly consumers?: ReadonlyMap<unknown, unknown>;
  sendMessage(this: Channel, fields: Fields, properties: Properties, content: Uint8Array): unknown;
  dispatchMessage(this: Channel, fields: Fields, message: Delivered | null): unknown;
  /** A promise of the message, or of false; with the callback API the channel. */
  get(this: Channel, queue: string, options?: unknown, callback?: GetCallback): unknown;
}

export type GetCallback = (this: unknown, error: unknown, message?: Delivered | false) => unknown;

export type Method<Name extends "sendMessage" | "dispatchMessage" | "get"> = Channel[Name];
