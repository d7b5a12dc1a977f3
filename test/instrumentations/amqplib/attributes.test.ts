import assert from "node:assert/strict";
import test from "node:test";
import { attributesOf, destinationOf } from "../../../instrumentations/amqplib/attributes.ts";
import type { Channel, Fields } from "../../../instrumentations/amqplib/types.ts";

for (const [fields, destination, mark] of [
  [{ exchange: "", routingKey: "orders" }, "orders", undefined],
  [{ exchange: "shop", routingKey: "orders.new" }, "shop:orders.new", undefined],
  [{ exchange: "shop", routingKey: "" }, "shop", undefined],
  [{}, "(default)", undefined],
  [{ exchange: "", routingKey: "amq.gen-JzTY20BRgKO" }, "amq.gen", "messaging.destination.anonymous"],
  [
    { exchange: "", routingKey: "amq.rabbitmq.reply-to.g1h2AA" },
    "amq.rabbitmq.reply-to",
    "messaging.destination.temporary",
  ],
  [{ exchange: "shop", routingKey: "amq.gen-x" }, "shop:amq.gen-x", undefined],
] as const satisfies readonly (readonly [Fields, string, string | undefined])[]) {
  test(`${JSON.stringify(fields)} is the destination ${destination}`, () => {
    assert.equal(destinationOf(fields), destination);
    const attributes = attributesOf({} as Channel, fields, {}, Buffer.from("abc"));
    assert.deepEqual(
      Object.keys(attributes).filter((key) => key.startsWith("messaging.destination")),
      mark === undefined ? [] : [mark],
    );
  });
}
