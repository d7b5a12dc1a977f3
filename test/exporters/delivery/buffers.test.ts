import assert from "node:assert/strict";
import { test } from "node:test";
import { TextArena, joinBuffers } from "../../../src/exporters/delivery/buffers.ts";

test("TextArena keeps texts apart, of any length and script", () => {
  const arena = new TextArena();
  const texts = Array.from(
    { length: 2_000 },
    (_, index) => ["a", "\u00fc", "\u{1F600}", "\u20ac"][index % 4]?.repeat(index * 3) ?? "",
  );
  const written = texts.map((text) => arena.write(text));
  for (const [index, text] of texts.entries()) assert.equal(String(written[index]), text);
});

test("TextArena takes nothing from the pool that the app has", () => {
  const item = new TextArena().write("item");
  assert.equal(item.buffer.byteLength, 65_536);
  assert.notEqual(item.buffer, Buffer.from("of the app").buffer);
});

test("joinBuffers puts what is between only between", () => {
  const items = ["1", "22"].map((text) => Buffer.from(text));
  assert.equal(String(joinBuffers(items, "[", ",", "]")), "[1,22]");
  assert.equal(String(joinBuffers([], "[", ",", "]")), "[]");
});
