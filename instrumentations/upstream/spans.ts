// What redtrail changes in the spans of OpenTelemetry's own instrumentations: whether there is one, and what it says in the end.
import {
  type Attributes,
  type Context,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanKind,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  type Tracer,
  type TracerProvider,
  context as contextApi,
  trace,
} from "@opentelemetry/api";
import type { TimedEvent } from "@opentelemetry/sdk-trace";

/** The SDK's span, before it has ended. */
export interface EndingSpan extends Span {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly events: readonly TimedEvent[];
  status: SpanStatus;
}

export interface SpanRules {
  /** Whether there is to be a span. What is called below one that is not made belongs to what was active before. @default always */
  readonly admits?: (name: string, attributes: Attributes, isOn: (instrumentation: string) => boolean) => boolean;
  /** Whether one may be directly below another of the same instrumentation, or is the same call once more. @default true */
  readonly nests?: boolean;
  /** What it is, where upstream says otherwise. @default as upstream says */
  readonly kind?: SpanKind;
  /** Puts right what it says; called when it ends. */
  readonly finish?: (span: EndingSpan) => void;
}

export interface SpanRulesHost {
  /** Whether the instrumentation of this name is on. */
  readonly isOn: (name: string) => boolean;
  readonly onStart?: (span: Span) => void;
  readonly onFailure: (error: unknown) => void;
}

/** An ended span: where redtrail ends one, upstream may still have something to say, and the SDK would complain of each word. */
const DEAF: Pick<Span, "setAttribute" | "setAttributes" | "setStatus" | "recordException"> = {
  setAttribute(this: Span) {
    return this;
  },
  setAttributes(this: Span) {
    return this;
  },
  setStatus(this: Span) {
    return this;
  },
  recordException() {},
};

/** A provider whose tracers follow the rules. */
export function withSpanRules(provider: TracerProvider, rules: SpanRules, host: SpanRulesHost): TracerProvider {
  return { getTracer: (...scope) => followRules(provider.getTracer(...scope), rules, host) };
}

function followRules(
  tracer: Tracer,
  { admits, nests = true, kind, finish }: SpanRules,
  { isOn, onStart, onFailure }: SpanRulesHost,
): Tracer {
  const own = new WeakSet<Span>();
  const isRepeated = (parent: Span | undefined): boolean =>
    parent !== undefined && own.has(parent) && parent.isRecording();

  function startSpan(name: string, options: SpanOptions = {}, context: Context = contextApi.active()): Span {
    const parent = trace.getSpan(context);
    if (admits?.(name, options.attributes ?? {}, isOn) === false || (!nests && isRepeated(parent))) {
      return trace.wrapSpanContext(parent?.spanContext() ?? INVALID_SPAN_CONTEXT);
    }
    const span = tracer.startSpan(name, kind === undefined ? options : { ...options, kind }, context);
    onStart?.(span);
    if (!nests) own.add(span);
    if (finish === undefined || !span.isRecording()) return span;
    const { end } = span;
    span.end = function endFinished(time?: TimeInput) {
      if (!span.isRecording()) return;
      try {
        finish(span as EndingSpan);
      } catch (error) {
        onFailure(error);
      }
      end.call(span, time);
      Object.assign(span, DEAF);
    };
    return span;
  }

  return {
    startSpan,
    // None of the instrumentations uses it.
    startActiveSpan: tracer.startActiveSpan.bind(tracer),
  };
}
