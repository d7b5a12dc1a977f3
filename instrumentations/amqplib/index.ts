// amqplib (RabbitMQ), both its APIs: every message that a channel sends or delivers passes one method of their common base; what an app
// pulls does not, see get.ts.
import { log } from "../../src/diagnostics/log.ts";
import { MAX_ADDED_BYTES } from "../../src/messaging/headers.ts";
import type { MessageHeaders } from "../../src/messaging/message.ts";
import { isRefused, sizeOf } from "../../src/messaging/size-limit.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { attributesOf, destinationOf } from "./attributes.ts";
import { watchGet, watchGetByCallback } from "./get.ts";
import type { Channel } from "./types.ts";

type Host = Pick<InstrumentationHost, "tracer" | "messaging">;

/** Bytes of a frame for properties that are not headers. */
const FRAME_RESERVE = 256;

export function instrumentAmqplib(host: Host & Pick<InstrumentationHost, "modules">): void {
  host.modules.watch("amqplib", (exports, { file }) => {
    const { BaseChannel, Channel } = exports as Record<string, { readonly prototype: Channel } | undefined>;
    if (file === "lib/channel.js") watchChannel(BaseChannel?.prototype, host);
    else if (file === "lib/channel_model.js") watchGet(Channel?.prototype, host);
    else if (file === "lib/callback_model.js") watchGetByCallback(Channel?.prototype, host);
  });
}

/** Exported for its test. */
export function watchChannel(channel: Channel | undefined, { tracer, messaging }: Host): void {
  const { sendMessage: send, dispatchMessage: dispatch } = channel ?? {};
  if (channel === undefined || typeof send !== "function" || typeof dispatch !== "function") {
    log.warn("this version of amqplib is not known (0.10 and later are); its messages carry no trace");
    return;
  }

  channel.sendMessage = function sendWithContext(fields, properties, content) {
    const own = withInherited(properties.headers);
    const frameMax = this.connection?.frameMax ?? Infinity;
    const message = {
      system: "rabbitmq",
      destination: destinationOf(fields),
      headers: own,
      attributes: attributesOf(this, fields, properties, content),
      // Headers have to go into one frame, which is of 4 KiB in amqplib 0.10.
      maxHeaderBytes: Math.min(MAX_ADDED_BYTES, frameMax / 4),
    };
    // amqplib has made `properties` for this call; the headers in it may be the app's own, and stay as they are.
    return sendMessage(tracer, "publish", message, (headers) =>
      send.call(this, fields, fits(own, headers, frameMax) ? { ...properties, headers } : properties, content),
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

/** The server ends the connection for a frame that is too large. */
function fits(own: MessageHeaders, sent: MessageHeaders, frameMax: number): boolean {
  const size = headersSize(own);
  return !isRefused([frameMax], size, headersSize(sent) - size + FRAME_RESERVE, 1);
}

function headersSize(headers: MessageHeaders): number {
  let size = 0;
  // Its length in two bytes, its type in one, and the length of a text in four.
  for (const key in headers) size += key.length + sizeOf(headers[key]) + 8;
  return size;
}
