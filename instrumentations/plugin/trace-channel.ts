// Spans of the calls that a library publishes by a TracingChannel, which it keeps for whoever wants to trace them.
// https://nodejs.org/api/diagnostics_channel.html#class-tracingchannel
import { type Attributes, type Span, SpanKind, type Tracer, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { fail } from "../../src/messaging/run.ts";
import type { ChannelTrace, PluginHost, SpanKindName } from "../../src/plugins/definition.ts";

const KINDS: Record<SpanKindName, SpanKind> = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

interface Tools {
  readonly tracer: Tracer;
  readonly observe: PluginHost["observe"];
  readonly guarded: Guard;
  readonly answering: Guard;
}

type Guard = <Args extends readonly unknown[], Result>(
  where: string,
  run: (...args: Args) => Result,
) => (...args: Args) => Result | undefined;

interface Call {
  readonly span: Span;
  isEnded?: true;
  /** Puts the context back that was before the call. */
  readonly leave: () => void;
}

type Outcome = { readonly result?: unknown; readonly error?: unknown };

export function createTraceChannel({ tracer, observe, guarded, answering }: Tools): PluginHost["traceChannel"] {
  return <Message extends object>(name: string, { kind = "client", start, end }: ChannelTrace<Message>) => {
    // By the object that stands for a call on all five channels; what never ends goes with it.
    const calls = new WeakMap<object, Call>();
    const describe = answering(`start of the channel ${name}`, start);
    const beforeEnd = end === undefined ? undefined : guarded(`end of the channel ${name}`, end);

    function finish(message: Message & Outcome): void {
      const call = calls.get(message);
      if (call === undefined || call.isEnded) return;
      call.isEnded = true;
      beforeEnd?.(call.span, message);
      if ("error" in message) fail(call.span, message.error);
      else call.span.end();
    }

    observe<Message>(`tracing:${name}:start`, (message) => {
      const parent = contextApi.active();
      if (isTracingSuppressed(parent)) return;
      const described: { readonly name: string; readonly attributes?: Attributes } | null | undefined =
        describe(message);
      if (described === undefined || described === null) return;
      const { name: spanName, ...options } = described;
      const span = tracer.startSpan(spanName, { ...options, kind: KINDS[kind] }, parent);
      const token = contextApi.attach(trace.setSpan(parent, span));
      calls.set(message, { span, leave: () => token.dispose() });
    });

    // Where the call returns. One that goes on, as a promise or until its callback, has no outcome yet; a callback may also have been called before.
    observe<Message & Outcome>(`tracing:${name}:end`, (message) => {
      calls.get(message)?.leave();
      if ("result" in message || "error" in message) finish(message);
    });

    observe<Message & Outcome>(`tracing:${name}:asyncEnd`, finish);
  };
}
