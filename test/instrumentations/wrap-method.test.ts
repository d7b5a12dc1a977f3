import assert from "node:assert/strict";
import test from "node:test";
import { prototypeOf, wrapMethod } from "../../instrumentations/wrap-method.ts";

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
