// amqplib (RabbitMQ), both its APIs: every message that a channel sends or delivers passes one method of their common base; what an app
// pulls does not, see get.ts.
import { MAX_ADDED_BYTES } from "../../src/messaging/headers.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { isRefused } from "../../src/messaging/size-limit.ts";
import { deliverMessage, isSilent, sendMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { prototypeOf, wrapKnownMethod } from "../wrap-method.ts";
import { attributesOf, destinationOf } from "./attributes.ts";
import { watchGet, watchGetByCallback } from "./get.ts";
import { propertiesSize } from "./table-size.ts";
import type { Method } from "./types.ts";

type Host = Pick<InstrumentationHost, "tracer" | "messaging">;

/** Bytes of headers that amqplib encodes, whatever a frame takes. */
const MAX_TABLE = 65_536;

export function instrumentAmqplib(host: Host & Pick<InstrumentationHost, "modules">): void {
  host.modules.watch("amqplib", (exports, { file }) => {
    const { BaseChannel, Channel } = exports as Readonly<Record<string, unknown>>;
    if (file === "lib/channel.js") watchChannel(prototypeOf(BaseChannel) ?? {}, host);
    else if (file === "lib/channel_model.js") watchGet(prototypeOf(Channel), host);
    else if (file === "lib/callback_model.js") watchGetByCallback(prototypeOf(Channel), host);
  });
}

/** Exported for its test. */
export function watchChannel(channel: object, { tracer, messaging }: Host): void {
  wrapKnownMethod<Method<"sendMessage">>(
    "amqplib",
    channel,
    "sendMessage",
    (send) =>
      function sendWithContext(fields, properties, content) {
        if (isSilent()) return send.call(this, fields, properties, content);
        const own = withInherited(properties.headers);
        const frameMax = this.connection?.frameMax ?? Infinity;
        const message = {
          system: "rabbitmq",
          destination: destinationOf(fields),
          headers: own,
          attributes: attributesOf(this, fields, properties, content),
          // In amqplib 0.10 a frame is of 4 KiB.
          maxHeaderBytes: Math.min(MAX_ADDED_BYTES, frameMax / 4),
        };
        return sendMessage(tracer, "publish", message, (headers) => {
          // amqplib has made `properties` for this call; the headers in it may be the app's own, and stay as they are.
          const carrier = { ...properties, headers };
          // The server ends the connection for a frame that is too large.
          const isBare = isRefused([frameMax, MAX_TABLE], 0, propertiesSize(carrier), 1);
          return send.call(this, fields, isBare ? properties : carrier, content);
        });
      },
  );

  wrapKnownMethod<Method<"dispatchMessage">>(
    "amqplib",
    channel,
    "dispatchMessage",
    (dispatch) =>
      function dispatchInContext(fields, message) {
        // The broker has cancelled the consumer.
        if (message === null) return dispatch.call(this, fields, message);
        const { properties, content } = message;
        const described = {
          system: "rabbitmq",
          destination: destinationOf(fields),
          headers: properties.headers ?? {},
          attributes: attributesOf(this, fields, properties, content),
        };
        return deliverMessage(tracer, messaging, described, (returned) => {
          const listener = this.consumers?.get(fields.consumerTag);
          const result = dispatch.call(this, fields, message);
          returned(listener, result);
          return result;
        });
      },
  );
}

/** amqplib puts headers of its own (CC, BCC) on an object that inherits the app's. */
function withInherited(headers: MessageHeaders | undefined): MessageHeaders {
  const all: MessageHeaders = {};
  for (const key in headers) all[key] = headers[key];
  return all;
}
