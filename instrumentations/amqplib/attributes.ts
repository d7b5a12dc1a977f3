// Attributes of RabbitMQ's messages: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
import type { Attributes } from "@opentelemetry/api";
import { peerAttributes } from "../peer-attributes.ts";
import type { Channel, Fields, Properties } from "./types.ts";

/** Names that the server makes, and that live as long as a connection: spans and series are named by what they have in common. */
const MADE_NAMES = [
  ["amq.gen", "messaging.destination.anonymous"],
  ["amq.rabbitmq.reply-to", "messaging.destination.temporary"],
] as const;

/** The conventions' form, `exchange:routing key`; the default exchange has no name, and its routing key is the queue. */
export function destinationOf({ exchange = "", routingKey = "" }: Fields): string {
  if (exchange !== "" && routingKey !== "") return `${exchange}:${routingKey}`;
  return exchange === "" ? queueName(routingKey) || "(default)" : exchange;
}

export function queueName(queue: string): string {
  return madeName(queue)?.[0] ?? queue;
}

export function attributesOf(
  { connection }: Channel,
  { exchange = "", routingKey = "" }: Fields,
  { messageId, correlationId }: Properties,
  content: Uint8Array,
): Attributes {
  const attributes: Attributes = { "messaging.message.body.size": content.length };
  if (routingKey !== "") attributes["messaging.rabbitmq.destination.routing_key"] = routingKey;
  const made = exchange === "" ? madeName(routingKey) : undefined;
  if (made !== undefined) attributes[made[1]] = true;
  if (typeof messageId === "string") attributes["messaging.message.id"] = messageId;
  if (typeof correlationId === "string") attributes["messaging.message.conversation_id"] = correlationId;
  const { remoteAddress, remotePort } = connection?.stream ?? {};
  return Object.assign(attributes, peerAttributes(remoteAddress, remotePort));
}

function madeName(queue: string): (typeof MADE_NAMES)[number] | undefined {
  if (!queue.startsWith("amq.")) return undefined;
  return MADE_NAMES.find(([name]) => queue.startsWith(name));
}
