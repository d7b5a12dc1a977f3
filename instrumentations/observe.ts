// Subscribes to a diagnostics channel without a risk to the app: Node turns what a subscriber throws into an uncaught exception.
import { subscribe } from "node:diagnostics_channel";
import { log } from "../src/diagnostics/log.ts";

/** `Message` is what the channel's documentation says of its messages. */
export function observe<Message>(channel: string, handle: (message: Message) => void): void {
  subscribe(channel, (message) => {
    try {
      handle(message as Message);
    } catch (error) {
      log.warnSometimes(`observe ${channel}`, `a request could not be traced in full (${channel}: ${String(error)})`);
    }
  });
}
