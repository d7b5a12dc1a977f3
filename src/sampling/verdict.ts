// What rules say of a span beyond its sampling decision, on its way from the sampler to the span.

/** A rule with a route, whose other conditions hold. */
export interface RouteRule {
  matches(route: string): boolean;
  /** Goes by the trace id. */
  samples(traceId: string): boolean;
  /** Whether failed and slow requests are dropped with the others. */
  readonly drops: boolean;
}

/**
 * A sampling result has no place for it. The SDK asks the sampler, makes the span and calls the processors' `onStart` in one go, so
 * one place is enough: the outermost sampler clears it, RuleSampler writes, `onStart` reads.
 */
export interface Verdict {
  drops: boolean;
  /** In order; undefined when no rule is left to decide. */
  routeRules: readonly RouteRule[] | undefined;
}

export function createVerdict(): Verdict {
  return { drops: false, routeRules: undefined };
}
