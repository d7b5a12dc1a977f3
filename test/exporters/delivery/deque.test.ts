import assert from "node:assert/strict";
import { test } from "node:test";
import { Deque } from "../../../src/exporters/delivery/deque.ts";

test("Deque behaves as an array does, whatever is done to its ends", () => {
  const deque = new Deque<number>();
  const model: number[] = [];
  let seed = 3;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 20_000; i++) {
    // Grows in the first half of each thousand, shrinks in the second.
    const grows = random() < (i % 4_000 < 2_000 ? 0.7 : 0.3);
    if (!grows) assert.equal(deque.shift(), model.shift());
    else if (random() < 0.5) {
      deque.push(i);
      model.push(i);
    } else {
      deque.unshift(i);
      model.unshift(i);
    }
    assert.equal(deque.length, model.length);
    const index = Math.floor(random() * model.length);
    if (model.length > 0) assert.equal(deque.at(index), model[index]);
  }
});
