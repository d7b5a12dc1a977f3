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
  /** What it is, where upstream says otherwise. @default as upstream says */
  readonly kind?: SpanKind;
  /** Puts right what it says; called when it ends. */
  readonly finish?: (span: EndingSpan) => void;
}

export interface SpanRulesHost {
  /** Whether the instrumentation of this name is on. */
  readonly isOn: (name: string) => boolean;
  readonly onFailure: (error: unknown) => void;
}

/** A provider whose tracers follow the rules. Without rules it is the given one. */
export function withSpanRules(
  provider: TracerProvider,
  rules: SpanRules | undefined,
  host: SpanRulesHost,
): TracerProvider {
  if (rules === undefined) return provider;
  return { getTracer: (...scope) => followRules(provider.getTracer(...scope), rules, host) };
}

function followRules(tracer: Tracer, { admits, kind, finish }: SpanRules, { isOn, onFailure }: SpanRulesHost): Tracer {
  function startSpan(name: string, options: SpanOptions = {}, context: Context = contextApi.active()): Span {
    if (admits?.(name, options.attributes ?? {}, isOn) === false) {
      return trace.wrapSpanContext(trace.getSpanContext(context) ?? INVALID_SPAN_CONTEXT);
    }
    const span = tracer.startSpan(name, kind === undefined ? options : { ...options, kind }, context);
    if (finish === undefined || !span.isRecording()) return span;
    const { end } = span;
    span.end = function endFinished(time?: TimeInput) {
      try {
        if (span.isRecording()) finish(span as EndingSpan);
      } catch (error) {
        onFailure(error);
      }
      end.call(span, time);
    };
    return span;
  }

  return {
    startSpan,
    // None of the instrumentations uses it.
    startActiveSpan: tracer.startActiveSpan.bind(tracer) as Tracer["startActiveSpan"],
  };
}
