// Trace and span ids from the system's random numbers; the SDK's own are of Math.random, and cost eight times as much.
// https://opentelemetry.io/docs/specs/otel/trace/sdk/#id-generators
import type { IdGenerator } from "@opentelemetry/sdk-trace";
import { randomHex } from "./random-hex.ts";

export const idGenerator: IdGenerator = {
  generateTraceId: () => notZero(randomHex(32)),
  generateSpanId: () => notZero(randomHex(16)),
};

/** All zeros is no id; it comes once in 2^64. */
function notZero(id: string): string {
  return id.charCodeAt(0) === 48 && /^0+$/.test(id) ? `${id.slice(1)}1` : id;
}
