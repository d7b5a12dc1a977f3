// The public host: what an instrumentation of a plug-in gets, made of the same parts that redtrail's own use.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type MeterProvider, type Span, SpanKind, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { describeError } from "../../src/diagnostics/describe-error.ts";
import { log } from "../../src/diagnostics/log.ts";
import { extractHeaders } from "../../src/messaging/headers.ts";
import { fail, runToEnd } from "../../src/messaging/run.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import type { InstrumentationDefinition, PluginHost, SpanDetails } from "../../src/plugins/definition.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { guardWrapper } from "../upstream/guard.ts";
import { createTraceChannel } from "./trace-channel.ts";
import { typedOptions } from "./typed-options.ts";
import { replaceFunction } from "./replace-function.ts";
import { watchFile } from "./watch-file.ts";

/** What of redtrail's own host the public one stands on. */
export type UnderlyingHost = Pick<InstrumentationHost, "modules" | "options" | "messaging" | "tracerProvider"> & {
  readonly meterProvider: MeterProvider;
};

export interface StartedInstrumentation {
  /** Takes back what can be taken back: subscriptions, and functions that nobody else has replaced since. For tests. */
  stop(): void;
}

/** Throws what `start` throws. */
export function startDefinition(
  definition: InstrumentationDefinition,
  underlying: UnderlyingHost,
): StartedInstrumentation {
  const undo: (() => void)[] = [];
  definition.start(createPluginHost(definition, underlying, (one) => undo.push(one)));
  return {
    stop: () => {
      for (const one of undo.splice(0).toReversed()) one();
    },
  };
}

function createPluginHost(
  { name, version, options = {} }: InstrumentationDefinition,
  { modules, options: readOptions, messaging, tracerProvider, meterProvider }: UnderlyingHost,
  onStop: (undo: () => void) => void,
): PluginHost {
  const tracer = tracerProvider.getTracer(name, version);
  const say = (text: string): void => void log.warnSometimes(`${name} ${text}`, `instrumentation "${name}": ${text}`);
  const report = (where: string, error: unknown): void => {
    // The place is the key: the errors of one place may all differ.
    log.warnSometimes(
      `${name} ${where}`,
      `instrumentation "${name}" has failed in ${where} (${describeError(error)}); the app goes on without it`,
    );
  };

  /** Runs a function of the plug-in that the app is not to hear of. */
  function guarded<Args extends readonly unknown[], Result>(where: string, run: (...args: Args) => Result) {
    return (...args: Args): Result | undefined => {
      try {
        const result = run(...args);
        if (result instanceof Promise) result.catch((error: unknown) => report(where, error));
        return result;
      } catch (error) {
        report(where, error);
        return undefined;
      }
    };
  }

  function observe<Message>(channel: string, handle: (message: Message) => void): void {
    const safe = guarded(`its handler of the channel ${channel}`, handle);
    const listener = (message: unknown): void => safe(message as Message);
    subscribe(channel, listener);
    onStop(() => unsubscribe(channel, listener));
  }

  function inSpan(kind: SpanKind) {
    return <Result>(
      spanName: string,
      { attributes, links, headers }: SpanDetails & { readonly headers?: Record<string, unknown> | undefined },
      run: (span: Span) => Result,
    ): Result => {
      const active = contextApi.active();
      const parent = headers === undefined || isTracingSuppressed(active) ? active : extractHeaders(headers);
      const span = tracer.startSpan(
        spanName,
        { kind, ...(attributes === undefined ? {} : { attributes }), ...(links === undefined ? {} : { links }) },
        parent,
      );
      return runToEnd(span, trace.setSpan(parent, span), () => run(span));
    };
  }

  return {
    name,
    tracer,
    meter: meterProvider.getMeter(name, version),
    options: typedOptions(options, readOptions(name, Object.keys(options)), say),
    observe,
    traceChannel: createTraceChannel({ tracer, observe, guarded }),
    watchModule: (file, onLoad) => {
      const watch = watchFile(modules, file, guarded(`loading ${file}`, onLoad as (...args: unknown[]) => unknown));
      onStop(watch.stop);
    },
    wrap: (target, key, wrapper) => {
      const wrapped = guardWrapper(wrapper, (error) => report(key, error));
      onStop(replaceFunction(target, key, wrapped));
    },
    client: inSpan(SpanKind.CLIENT),
    server: inSpan(SpanKind.SERVER),
    internal: inSpan(SpanKind.INTERNAL),
    producer: (message, send) =>
      sendMessage(tracer, "send", { ...withoutUndefined(message), headers: message.headers ?? {} }, send),
    consumer: (message, handle) =>
      processMessage(tracer, messaging, { ...withoutUndefined(message), headers: message.headers ?? {} }, handle),
    end: (span, error) => {
      if (error === undefined) span.end();
      else fail(span, error);
    },
    log: {
      warn: say,
      info: (text) => log.info(`instrumentation "${name}": ${text}`),
      debug: (text) => log.debug(`instrumentation "${name}": ${text}`),
    },
  };
}

type WithoutUndefined<Type> = { [Key in keyof Type]: Exclude<Type[Key], undefined> };

function withoutUndefined<Type extends object>(given: Type): WithoutUndefined<Type> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as WithoutUndefined<Type>;
}
