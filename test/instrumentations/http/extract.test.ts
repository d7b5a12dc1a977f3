import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { propagation, trace } from "@opentelemetry/api";
import { createExtract } from "../../../instrumentations/http/extract.ts";
import type { RequestIdTrust, UntrustedTraces } from "../../../src/config/config.ts";
import { readConfig } from "../../../src/config/read.ts";
import { getRequestId, requestIdOrigin } from "../../../src/context/request-id.ts";
import { senderOf } from "../../../src/context/sender.ts";
import { createPropagator } from "../../../src/propagators/index.ts";

const T = "0af7651916cd43dd8448eb211c80319c";
const HEADERS = {
  traceparent: `00-${T}-b7ad6b7169203331-01`,
  baggage: "user=x",
  "x-request-id": "given",
  "x-correlation-id": "other",
};
const INSIDE = "127.0.0.1";
const OUTSIDE = "203.0.113.9";

const { config } = readConfig({ REDTRAIL_TRACE_STORE_URL: "memory:" }, []);
before(() => propagation.setGlobalPropagator(createPropagator(config, "test")));
after(() => propagation.disable());

function extractedBy(trust: RequestIdTrust, untrustedTraces: UntrustedTraces, remoteAddress: string | undefined) {
  const context = createExtract({
    requestId: { ...config.requestId, trust },
    propagation: { ...config.propagation, untrustedTraces },
  })(HEADERS, remoteAddress === undefined ? {} : { remoteAddress });
  const id = getRequestId(context) ?? "";
  return {
    id: /^[0-9a-f-]{36}$/.test(id) ? "made" : id,
    trace: trace.getSpanContext(context)?.traceId,
    baggage: propagation.getBaggage(context)?.getEntry("user")?.value,
    links: senderOf(context)?.links?.map((link) => link.context.traceId) ?? [],
    mayJoin: requestIdOrigin(context) === "given",
  };
}

const ALL = { id: "given", trace: T, baggage: "x", links: [], mayJoin: true };
const NOTHING = { id: "made", trace: undefined, baggage: undefined, links: [], mayJoin: false };

for (const [trust, traces, address, expected] of [
  ["accept", "continue", OUTSIDE, ALL],
  ["accept", "restart", INSIDE, ALL],
  ["accept", "restart", OUTSIDE, { ...NOTHING, id: "given", links: [T] }],
  ["accept", "ignore", OUTSIDE, { ...NOTHING, id: "given" }],
  ["internal", "continue", INSIDE, ALL],
  ["internal", "continue", "::ffff:10.0.0.1", ALL],
  ["internal", "continue", undefined, ALL],
  ["internal", "continue", OUTSIDE, { ...ALL, id: "made", mayJoin: false }],
  ["internal", "restart", OUTSIDE, { ...NOTHING, links: [T] }],
  ["internal", "ignore", OUTSIDE, NOTHING],
  ["never", "continue", INSIDE, { ...ALL, id: "made", mayJoin: false }],
  ["never", "restart", INSIDE, { ...NOTHING, links: [T] }],
  ["never", "ignore", undefined, NOTHING],
] as const) {
  test(`trust ${trust}, traces ${traces}, from ${address ?? "a Unix socket"}: ${JSON.stringify(expected)}`, () =>
    assert.deepEqual(extractedBy(trust, traces, address), expected));
}

test("A connection that its client has reset has no address any more, and is no Unix socket", () => {
  const extract = createExtract({
    requestId: { ...config.requestId, trust: "internal" },
    propagation: { ...config.propagation, untrustedTraces: "ignore" },
  });
  const context = extract(HEADERS, { localAddress: "10.0.0.1" });
  assert.notEqual(getRequestId(context), "given");
  assert.equal(trace.getSpanContext(context), undefined);
});
