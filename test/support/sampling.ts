// Samplers as the configuration makes them.
import type { Sampler } from "@opentelemetry/sdk-trace";
import { type Sampling, type SamplingConfig, createSampling } from "../../src/sampling/index.ts";

/** As if no variable of sampling were set, but these. */
export function samplingOf(
  given: Partial<SamplingConfig["sampling"]> & Partial<Pick<SamplingConfig, "sampler" | "samplerRatio">> = {},
  { feedsMetrics = false, exportsSpans = true }: { feedsMetrics?: boolean; exportsSpans?: boolean } = {},
): Sampling {
  const { sampler = "parentbased_always_on", samplerRatio = 1, ...rest } = given;
  const sampling = { rules: [], perSecond: undefined, keepErrors: "none", keepSlowMs: undefined, ...rest } as const;
  return createSampling(
    { sampler, samplerRatio, sampling: { maxWaitingSpans: 10_000, ...sampling } },
    { feedsMetrics, exportsSpans },
  );
}

export function samplerOf(...args: Parameters<typeof samplingOf>): Sampler {
  return samplingOf(...args).sampler;
}
