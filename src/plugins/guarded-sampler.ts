// A plug-in's sampler, which the SDK calls where the app starts a span and whose exceptions it lets through.
import { SamplingDecision } from "@opentelemetry/api";
import { AlwaysOnSampler, ParentBasedSampler, type Sampler, type SamplingResult } from "@opentelemetry/sdk-trace";
import type { Guard } from "./guard.ts";
import { notAwaited } from "./rejection.ts";

export const SAMPLER_CONSEQUENCE = "the decision is that of parentbased_always_on";

export function guardSampler(sampler: Sampler, guard: Guard): Sampler {
  const fallback = new ParentBasedSampler({ root: new AlwaysOnSampler() });
  const shouldSample = guard.method("shouldSample");
  return {
    shouldSample(...args) {
      if (guard.isOff) return fallback.shouldSample(...args);
      try {
        const result = checked(sampler.shouldSample(...args));
        shouldSample.passed();
        return result;
      } catch (error) {
        shouldSample.failed(error);
        return fallback.shouldSample(...args);
      }
    },
    toString() {
      try {
        return sampler.toString();
      } catch {
        return "Sampler";
      }
    },
  };
}

/** The SDK takes it as it is, and a trace state that is none would break the next propagator. */
function checked(result: SamplingResult): SamplingResult {
  const { decision, traceState, attributes } = notAwaited(result);
  if (typeof decision !== "number" || SamplingDecision[decision] === undefined)
    throw new TypeError(`"${String(decision)}" is no sampling decision`);
  if (traceState !== undefined && typeof traceState?.serialize !== "function")
    throw new TypeError("traceState is no TraceState");
  // The SDK would copy them where the app starts its span.
  return attributes === undefined ? result : { ...result, attributes: { ...attributes } };
}
