import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { ROOT_CONTEXT, defaultTextMapGetter, defaultTextMapSetter, propagation, trace } from "@opentelemetry/api";
import { readConfig } from "../../src/config/read.ts";
import { createPropagator } from "../../src/propagators/index.ts";
import { limitExtraction, silence } from "../../src/propagators/limited.ts";

const PARENT = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
const HEADERS = { traceparent: `00-${PARENT.traceId}-${PARENT.spanId}-01` };

before(() => propagation.setGlobalPropagator(createPropagator(readConfig({}, []).config, "test")));
after(() => propagation.disable());

const traceOf = (carrier: object): string | undefined =>
  trace.getSpanContext(propagation.extract(ROOT_CONTEXT, carrier))?.traceId;

test("A carrier is read in part once, by whoever comes next", () => {
  const carrier = { ...HEADERS };
  limitExtraction(carrier, (same, getter) => {
    assert.equal(same, carrier);
    assert.equal(getter, defaultTextMapGetter);
    return ROOT_CONTEXT;
  });
  assert.equal(traceOf({ ...HEADERS }), PARENT.traceId);
  assert.equal(traceOf(carrier), undefined);
  assert.equal(traceOf(carrier), PARENT.traceId);
});

test("What reads a part may use the propagators itself", () => {
  const carrier = { ...HEADERS };
  limitExtraction(carrier, (same, getter) => propagation.extract(ROOT_CONTEXT, same, getter));
  assert.equal(traceOf(carrier), PARENT.traceId);
});

test("A call that is silenced writes nothing, and others in its trace do", () => {
  const [quiet, loud] = [trace.wrapSpanContext(PARENT), trace.wrapSpanContext(PARENT)];
  silence(quiet);
  const written = [quiet, loud].map((span) => {
    const carrier = {};
    propagation.inject(trace.setSpan(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
    return Object.keys(carrier);
  });
  assert.deepEqual(written, [[], ["traceparent"]]);
});
