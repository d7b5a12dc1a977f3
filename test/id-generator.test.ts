import assert from "node:assert/strict";
import test from "node:test";
import { isValidSpanId, isValidTraceId } from "@opentelemetry/api";
import { idGenerator } from "../src/id-generator.ts";

test("idGenerator makes valid ids, all different", () => {
  const traceIds = new Set(Array.from({ length: 5_000 }, () => idGenerator.generateTraceId()));
  const spanIds = new Set(Array.from({ length: 5_000 }, () => idGenerator.generateSpanId()));
  assert.equal(traceIds.size + spanIds.size, 10_000);
  assert.ok([...traceIds].every(isValidTraceId));
  assert.ok([...spanIds].every(isValidSpanId));
});
