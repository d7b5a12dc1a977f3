import assert from "node:assert/strict";
import test from "node:test";
import { prototypeOf, wrapGetter, wrapMethod } from "../../instrumentations/wrap-method.ts";

class Base {
  greet(): string {
    return "hello";
  }
}
class Client extends Base {}

type Greet = () => string;
const louder = (greet: Greet): Greet =>
  function greetLouder() {
    return `${greet()}!`;
  };

test("A method is wrapped once, in the class that is named, and is not enumerable there", () => {
  assert.ok(wrapMethod("library", prototypeOf(Client), "greet", louder));
  assert.ok(wrapMethod("library", prototypeOf(Client), "greet", louder));
  assert.equal(new Client().greet(), "hello!");
  assert.equal(new Base().greet(), "hello");
  assert.deepEqual(Object.keys(Client.prototype), []);
});

test("What is no method is left alone, and told", () => {
  assert.equal(wrapMethod("library", prototypeOf(Client), "leave", louder), false);
  assert.equal(wrapMethod("library", prototypeOf(undefined), "greet", louder), false);
});

test("A call that cannot be described goes to the method as it came, once", () => {
  const calls: unknown[][] = [];
  class Sender {
    send(this: unknown, ...args: unknown[]): unknown {
      calls.push([this, ...args]);
      if (args[0] === undefined) throw new RangeError("nothing to send");
      return "sent";
    }
  }
  type Send = (this: unknown, topic: string, ...rest: unknown[]) => unknown;
  wrapMethod<Send>(
    "library",
    Sender.prototype,
    "send",
    (send) =>
      function sendUpper(topic, ...rest) {
        return send.call(this, topic.toUpperCase(), ...rest);
      },
  );
  const sender = new Sender();
  assert.equal(sender.send("a", 1), "sent");
  assert.equal(sender.send(5, 1), "sent");
  assert.throws(() => sender.send(undefined), /^RangeError: nothing to send$/);
  assert.deepEqual(calls, [
    [sender, "A", 1],
    [sender, 5, 1],
    [sender, undefined],
  ]);
});

test("A property's getter is wrapped once, and gives what it gave", () => {
  class Message {
    readonly #text = "hello";
    get text(): string {
      return this.#text;
    }
  }
  const seen: object[] = [];
  for (let times = 0; times < 2; times++) wrapGetter(Message.prototype, "text", (self) => seen.push(self));
  wrapGetter(Message.prototype, "nothing", () => assert.fail());
  const message = new Message();
  assert.equal(message.text, "hello");
  assert.deepEqual(seen, [message]);
});

test("A method that was enumerable still is", () => {
  const producer = { greet: (): string => "hello" };
  wrapMethod("library", producer, "greet", louder);
  assert.equal({ ...producer }.greet(), "hello!");
});
