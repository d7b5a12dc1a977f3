// Limits for instrumentations of others, which extract and inject by themselves, and know nothing of trust.
import {
  type Context,
  type Span,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";

type ExtractPart = <Carrier>(carrier: Carrier, getter: TextMapGetter<Carrier>) => Context;

const parts = new WeakMap<object, ExtractPart>();
const silent = new WeakSet<Span>();
/** Most processes have none, and do not pay for them. */
let hasLimits = false;

/** The next time that the carrier is read, `extract` says what is taken of it. */
export function limitExtraction(carrier: object, extract: ExtractPart): void {
  hasLimits = true;
  parts.set(carrier, extract);
}

/** Nothing is written for a call that this is the span of. */
export function silence(span: Span): void {
  hasLimits = true;
  silent.add(span);
}

/** A propagator that keeps to the limits. */
export class LimitedPropagator implements TextMapPropagator {
  readonly #propagator: TextMapPropagator;

  constructor(propagator: TextMapPropagator) {
    this.#propagator = propagator;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    if (hasLimits && isSilent(context)) return;
    this.#propagator.inject(context, carrier, setter);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extractPart = hasLimits ? parts.get(carrier as object) : undefined;
    if (extractPart === undefined) return this.#propagator.extract(context, carrier, getter);
    // It reads the carrier by this propagator itself.
    parts.delete(carrier as object);
    return extractPart(carrier, getter);
  }

  fields(): string[] {
    return this.#propagator.fields();
  }
}

function isSilent(context: Context): boolean {
  const span = trace.getSpan(context);
  return span !== undefined && silent.has(span);
}
