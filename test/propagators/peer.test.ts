import assert from "node:assert/strict";
import test from "node:test";
import { ROOT_CONTEXT, defaultTextMapGetter, defaultTextMapSetter, trace } from "@opentelemetry/api";
import { senderOf } from "../../src/context/sender.ts";
import { PeerPropagator } from "../../src/propagators/peer.ts";

const propagator = new PeerPropagator(() => ({ service: "shop", host: "shop-1", port: 8080 }));
const read = (headers: Record<string, string>): unknown =>
  senderOf(propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter))?.attributes;

test("PeerPropagator reads service, host and port", () => {
  assert.deepEqual(read({ "x-peer-service": "cart", "x-peer-host": "cart-7.local", "x-peer-port": "81" }), {
    "service.peer.name": "cart",
    "peer.service": "cart",
    "peer.hostname": "cart-7.local",
    "peer.port": 81,
  });
});

for (const headers of [
  { "x-peer-service": "<b>cart</b>" },
  { "x-peer-service": "a".repeat(129) },
  { "x-peer-host": "a b" },
  { "x-peer-port": "0" },
  { "x-peer-port": "65536" },
  { "x-peer-port": "1e3" },
  {},
]) {
  test(`PeerPropagator takes nothing of ${JSON.stringify(headers).slice(0, 40)}`, () =>
    assert.equal(read(headers), undefined));
}

test("PeerPropagator writes its own, in a trace", () => {
  const carrier = {};
  propagator.inject(ROOT_CONTEXT, carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, {});
  const span = { traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 };
  propagator.inject(trace.setSpanContext(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
  assert.deepEqual(carrier, { "x-peer-service": "shop", "x-peer-host": "shop-1", "x-peer-port": "8080" });
});
