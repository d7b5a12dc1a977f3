import assert from "node:assert/strict";
import { test } from "node:test";
import { createBreaker } from "../../src/trace-store/breaker.ts";

test("A breaker begins half-open, and closes with an answer", () => {
  const breaker = createBreaker();
  assert.equal(breaker.state, "half-open");
  breaker.close();
  assert.equal(breaker.state, "closed");
});

test("Each failure doubles the pause, from one second to half a minute, and ten seconds of answers begin anew", () => {
  let now = 0;
  const breaker = createBreaker(
    () => 0,
    () => now,
  );
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    pauses.push(breaker.trip());
    assert.equal(breaker.state, "open");
    breaker.probe();
    assert.equal(breaker.state, "half-open");
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  breaker.close();
  now += 9_999;
  assert.equal(breaker.trip(), 30_000, "a store that answers once and dies again");
  breaker.probe();
  breaker.close();
  now += 10_000;
  assert.equal(breaker.trip(), 1_000);
});

test("A pause is up to half as long again by chance, and never shorter", () => {
  assert.equal(createBreaker(() => 0.999).trip(), 1_499.5);
  for (let i = 0; i < 100; i++) {
    const pause = createBreaker().trip();
    assert.ok(pause >= 1_000 && pause < 1_500);
  }
});

test("After any number of failures the pause is a number", () => {
  const breaker = createBreaker(() => 0);
  for (let i = 0; i < 5_000; i++) breaker.trip();
  assert.equal(breaker.trip(), 30_000);
});
