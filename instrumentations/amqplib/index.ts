// amqplib (RabbitMQ), both its APIs: every message that a channel sends or delivers passes one method of their common base.
import type { Attributes } from "@opentelemetry/api";
import { log } from "../../src/diagnostics/log.ts";
import type { MessageHeaders } from "../../src/messaging/headers.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import { ATTR } from "../../src/semconv.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

interface Fields {
  readonly exchange?: string;
  readonly routingKey?: string;
}
interface Properties {
  headers?: MessageHeaders;
  readonly messageId?: string;
  readonly correlationId?: string;
}
interface Delivered {
  readonly fields: Fields;
  readonly properties: Properties;
  readonly content: Uint8Array;
}
interface Channel {
  readonly connection?: { readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number } };
  sendMessage(this: Channel, fields: Fields, properties: Properties, content: Uint8Array): unknown;
  dispatchMessage(this: Channel, fields: Fields, message: Delivered | null): unknown;
}

export function instrumentAmqplib(host: Pick<InstrumentationHost, "tracer" | "messaging" | "modules">): void {
  host.modules.watch("amqplib", (exports, { file }) => {
    if (file !== "lib/channel.js") return;
    watchChannel((exports as { BaseChannel?: { prototype: Channel } }).BaseChannel?.prototype, host);
  });
}

/** Exported for its test. */
export function watchChannel(
  channel: Channel | undefined,
  { tracer, messaging }: Pick<InstrumentationHost, "tracer" | "messaging">,
): void {
  const { sendMessage: send, dispatchMessage: dispatch } = channel ?? {};
  if (channel === undefined || typeof send !== "function" || typeof dispatch !== "function") {
    log.warn("this version of amqplib is not known (0.10 and later are); its messages carry no trace");
    return;
  }

  channel.sendMessage = function sendWithContext(fields, properties, content) {
    const message = {
      system: "rabbitmq",
      destination: destinationOf(fields),
      headers: withInherited(properties.headers),
      attributes: attributesOf(this, fields, properties, content),
    };
    // amqplib has made `properties` for this call; the headers in it may be the app's own, and stay as they are.
    return sendMessage(tracer, "publish", message, (headers) =>
      send.call(this, fields, { ...properties, headers }, content),
    );
  };

  channel.dispatchMessage = function dispatchInContext(fields, message) {
    // The broker has cancelled the consumer.
    if (message === null) return dispatch.call(this, fields, message);
    const { properties, content } = message;
    return processMessage(
      tracer,
      messaging,
      {
        system: "rabbitmq",
        destination: destinationOf(fields),
        headers: properties.headers ?? {},
        attributes: attributesOf(this, fields, properties, content),
      },
      () => dispatch.call(this, fields, message),
    );
  };
}

/** amqplib puts headers of its own (CC, BCC) on an object that inherits the app's. */
function withInherited(headers: MessageHeaders | undefined): MessageHeaders {
  const all: MessageHeaders = {};
  for (const key in headers) all[key] = headers[key];
  return all;
}

/** The conventions' form, `exchange:routing key`; the default exchange has no name, and its routing key is the queue. */
function destinationOf({ exchange = "", routingKey = "" }: Fields): string {
  if (exchange !== "" && routingKey !== "") return `${exchange}:${routingKey}`;
  return exchange === "" ? routingKey || "(default)" : exchange;
}

function attributesOf(
  { connection }: Channel,
  { routingKey }: Fields,
  { messageId, correlationId }: Properties,
  content: Uint8Array,
): Attributes {
  const attributes: Attributes = { "messaging.message.body.size": content.length };
  if (routingKey !== undefined && routingKey !== "")
    attributes["messaging.rabbitmq.destination.routing_key"] = routingKey;
  if (typeof messageId === "string") attributes["messaging.message.id"] = messageId;
  if (typeof correlationId === "string") attributes["messaging.message.conversation_id"] = correlationId;
  const stream = connection?.stream;
  if (stream?.remoteAddress !== undefined) {
    attributes[ATTR.networkPeerAddress] = stream.remoteAddress;
    attributes[ATTR.networkPeerPort] = stream.remotePort;
  }
  return attributes;
}
