// What an instrumentation is given, for tests that start one without a process around it.
import { type Tracer, metrics, trace } from "@opentelemetry/api";
import type { InstrumentationHost } from "../../instrumentations/instrumentation.ts";
import { Modules } from "../../instrumentations/modules.ts";
import { readConfig } from "../../src/config/read.ts";

/** By default as if no variable were set. */
export function createHost(tracer: Tracer, overrides: Partial<InstrumentationHost> = {}): InstrumentationHost {
  return {
    ...readConfig({}, []).config,
    tracer,
    tracerProvider: trace.getTracerProvider(),
    meterProvider: metrics.getMeterProvider(),
    modules: new Modules(),
    options: () => ({}),
    isOn: () => false,
    requestIdIsTraceId: false,
    samplingHeaders: [],
    logs: { correlated: [], emits: false },
    requestLog: undefined,
    sharedTraces: undefined,
    ...overrides,
  };
}
