// Messages that an app pulls from a queue, one at a time: `channel.get` of both APIs.
import { type Context, context as contextApi } from "@opentelemetry/api";
import type { Message } from "../../src/messaging/message.ts";
import { type Pull, beginPull, failReceive, receiveMessages } from "../../src/messaging/receive.ts";
import { rememberReceived } from "../../src/messaging/received.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { inPlaceOf, wrapKnownMethod } from "../wrap-method.ts";
import { attributesOf, queueName } from "./attributes.ts";
import type { Channel, Delivered, GetCallback, Method } from "./types.ts";

type Host = Pick<InstrumentationHost, "tracer" | "messaging">;

/** Channels whose `get` is a promise. */
export function watchGet(channel: object | undefined, host: Host): void {
  wrapKnownMethod<Method<"get">>(
    "amqplib",
    channel,
    "get",
    (get) =>
      function getInContext(queue, ...rest) {
        const pull = pullFrom(queue);
        const promise = get.call(this, queue, ...rest) as Promise<Delivered | false>;
        return promise.then(
          (message) => {
            if (message !== false) received(this, host, pull, message);
            return message;
          },
          (error: unknown) => {
            failReceive(host.tracer, pull, error);
            throw error;
          },
        );
      },
  );
}

/** Channels whose `get` takes a callback, which runs in the context of the message. */
export function watchGetByCallback(channel: object | undefined, host: Host): void {
  wrapKnownMethod<Method<"get">>(
    "amqplib",
    channel,
    "get",
    (get) =>
      function getInContext(queue, options, callback, ...rest) {
        if (typeof callback !== "function") return get.call(this, queue, options, callback, ...rest);
        const pull = pullFrom(queue);
        return get.call(this, queue, options, inContext(callback, this, host, pull), ...rest);
      },
  );
}

function inContext(callback: GetCallback, channel: Channel, host: Host, pull: Pull): GetCallback {
  return inPlaceOf<GetCallback>(
    "get of amqplib",
    callback,
    (callback) =>
      function gotInContext(error, message, ...more) {
        if (typeof message !== "object") {
          if (error !== null) failReceive(host.tracer, pull, error);
          return callback.call(this, error, message, ...more);
        }
        const context = received(channel, host, pull, message);
        return contextApi.with(context, () => callback.call(this, error, message, ...more));
      },
  );
}

/** What is no name amqplib refuses itself. */
function pullFrom(queue: unknown): Pull {
  return beginPull({
    system: "rabbitmq",
    destination: typeof queue === "string" ? queueName(queue) : "unknown",
    operation: "receive",
  });
}

function received(channel: Channel, { tracer, messaging }: Host, pull: Pull, message: Delivered): Context {
  const { fields, properties, content } = message;
  const attributes = attributesOf(channel, fields, properties, content);
  const { system, destination } = pull;
  const known: Message = { system, destination, headers: properties.headers ?? {}, attributes };
  rememberReceived(message, known);
  return receiveMessages(tracer, messaging, { ...pull, attributes }, [known]);
}
