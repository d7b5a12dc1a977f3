// A library that lets others watch it: it publishes each call, and what became of it.
import { tracingChannel } from "node:diagnostics_channel";
import { setTimeout as wait } from "node:timers/promises";

const channel = tracingChannel("shop:order");

export function order(article) {
  return channel.tracePromise(
    async () => {
      await wait(5);
      if (article === "nothing") throw new RangeError("there is nothing of that");
      return `one ${article}`;
    },
    { article },
  );
}
