// The queue or topic of a call, as spans and series name it.
import type { Attributes } from "@opentelemetry/api";
import { serverAttributes } from "../peer-attributes.ts";

export interface Destination {
  readonly system: "aws_sqs" | "aws.sns";
  readonly destination: string;
  readonly attributes: Attributes;
}

/** `https://sqs.eu-central-1.amazonaws.com/123456789012/orders` is of the queue `orders`. */
export function queueOf(url: unknown): Destination {
  const attributes: Attributes = {};
  let destination = "unknown";
  if (typeof url === "string") {
    attributes["aws.sqs.queue.url"] = url;
    destination = url.slice(url.lastIndexOf("/") + 1) || destination;
    const host = /^https?:\/\/([^/:]+)(?::(\d+))?\//.exec(url);
    Object.assign(attributes, serverAttributes(host?.[1], host?.[2]));
  }
  return { system: "aws_sqs", destination, attributes };
}

/** `arn:aws:sns:eu-central-1:123456789012:orders`; undefined of what is no topic: a phone, or one app on one. */
export function topicOf(arn: unknown): Destination | undefined {
  const topic = typeof arn === "string" ? /^arn:[^:]*:sns:[^:]*:[^:]*:([^:/]+)$/.exec(arn)?.[1] : undefined;
  if (topic === undefined) return undefined;
  return { system: "aws.sns", destination: topic, attributes: { "aws.sns.topic.arn": arn } };
}
