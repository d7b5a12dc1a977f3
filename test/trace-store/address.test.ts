import assert from "node:assert/strict";
import { test } from "node:test";
import { type StoreAddress, parseStoreAddress } from "../../src/trace-store/address.ts";

const redis = { kind: "redis", host: "h", port: 6379, isTls: false, database: 0, name: "redis://h:6379" } as const;

const ADDRESSES: readonly (readonly [text: string, address: StoreAddress | undefined])[] = [
  ["memory:", { kind: "memory" }],
  ["redis://h", redis],
  ["redis://h/", redis],
  ["redis://h:6390/3", { ...redis, port: 6390, database: 3, name: "redis://h:6390" }],
  ["rediss://h", { ...redis, isTls: true, name: "rediss://h:6379" }],
  ["redis://user:p%40ss@h", { ...redis, username: "user", password: "p@ss" }],
  ["redis://:secret@h", { ...redis, password: "secret" }],
  ["redis://[::1]:7/0", { ...redis, host: "::1", port: 7, name: "redis://[::1]:7" }],
  ["unix:///run/redis.sock", { ...redis, host: "", port: 0, path: "/run/redis.sock", name: "unix:///run/redis.sock" }],
  [
    "unix://u:p@/run/r%20s.sock?db=2",
    {
      ...redis,
      host: "",
      port: 0,
      path: "/run/r s.sock",
      name: "unix:///run/r s.sock",
      database: 2,
      username: "u",
      password: "p",
    },
  ],
  ["http://h", undefined],
  ["h:6379", undefined],
  ["redis://", undefined],
  ["redis://h/abc", undefined],
  ["redis://h/1/2", undefined],
  ["redis://h?tls=1", undefined],
  ["redis://h:99999", undefined],
  ["redis://%zz:x@h", undefined],
  ["unix:///", undefined],
  ["unix://relative", undefined],
  ["memory:x", undefined],
];

for (const [text, address] of ADDRESSES) {
  test(`parseStoreAddress reads ${text} as ${address === undefined ? "no address" : JSON.stringify(address)}`, () => {
    assert.deepEqual(parseStoreAddress(text), address);
  });
}
