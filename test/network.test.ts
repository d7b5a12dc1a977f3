import assert from "node:assert/strict";
import test from "node:test";
import { createNetworkTest, plainAddress } from "../src/network.ts";

const isInside = createNetworkTest(["10.0.0.0/8", "::1/128", "fe80::/10", "192.0.2.7/32"]);

for (const [address, expected] of [
  ["10.255.0.1", true],
  ["11.0.0.1", false],
  ["::ffff:10.1.2.3", true],
  ["::FFFF:11.1.2.3", false],
  ["::1", true],
  ["::2", false],
  ["fe80::1%eth0", true],
  ["192.0.2.7", true],
  ["192.0.2.8", false],
  ["", false],
  ["nonsense", false],
] as const) {
  test(`createNetworkTest: ${address} is ${expected ? "inside" : "outside"}`, () =>
    assert.equal(isInside(address), expected));
}

for (const [address, expected] of [
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["::FFFF:10.1.2.3", "10.1.2.3"],
  ["10.1.2.3", "10.1.2.3"],
  ["::1", "::1"],
  ["::ffff:a01:203", "::ffff:a01:203"],
] as const) {
  test(`plainAddress: ${address} is ${expected}`, () => assert.equal(plainAddress(address), expected));
}
