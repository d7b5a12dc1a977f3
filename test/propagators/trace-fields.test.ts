import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { propagation } from "@opentelemetry/api";
import { readConfig } from "../../src/config/read.ts";
import { createPropagator } from "../../src/propagators/index.ts";
import { createTraceFields, traceFields } from "../../src/propagators/trace-fields.ts";

afterEach(() => propagation.disable());

function register(propagators: string): void {
  propagation.disable();
  propagation.setGlobalPropagator(createPropagator(readConfig({ OTEL_PROPAGATORS: propagators }, []).config, "test"));
}

for (const name of ["tracecontext", "b3", "b3multi", "xray", "jaeger", "ottrace", "legacy", "peer"]) {
  test(`All fields of ${name} tell of a trace`, () => {
    register(name);
    assert.ok(traceFields().length > 0);
    assert.deepEqual(traceFields(), propagation.fields());
  });
}

for (const name of ["baggage", "requestid"]) {
  test(`No field of ${name} does`, () => {
    register(name);
    assert.deepEqual(traceFields(), []);
  });
}

test("What others name is not ours to take away", () => {
  propagation.setGlobalPropagator({
    inject() {},
    extract: (given) => given,
    fields: () => ["x-tenant", "traceparent"],
  });
  assert.deepEqual(traceFields(), ["traceparent"]);
});

test("Fields are asked for until there are some", () => {
  const fields = createTraceFields();
  assert.deepEqual(fields(), []);
  register("tracecontext");
  assert.deepEqual(fields(), ["traceparent", "tracestate"]);
  propagation.disable();
  assert.deepEqual(fields(), ["traceparent", "tracestate"]);
});
