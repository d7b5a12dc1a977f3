// The public host: what an instrumentation of a plug-in gets, made of the same parts that redtrail's own use.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type MeterProvider, type Span, SpanKind, context as contextApi, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { describeError } from "../../src/diagnostics/describe-error.ts";
import { log } from "../../src/diagnostics/log.ts";
import { extractHeaders } from "../../src/messaging/headers.ts";
import { fail, runToEnd } from "../../src/messaging/run.ts";
import { processMessage, sendMessage } from "../../src/messaging/spans.ts";
import type { AnyFunction, InstrumentationDefinition, PluginHost, SpanDetails } from "../../src/plugins/definition.ts";
import { isPromiseOf } from "../../src/plugins/rejection.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { guardWrapper } from "../upstream/guard.ts";
import { withMembersOf } from "../promise-members.ts";
import { createOwnWraps } from "./own-wraps.ts";
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
  const stop = (): void => {
    for (const one of undo.splice(0).toReversed()) one();
  };
  try {
    const started: unknown = definition.start(createPluginHost(definition, underlying, (one) => undo.push(one)));
    isPromiseOf(started, (error) => {
      stop();
      reportOf(definition.name)("its async start", error);
    });
  } catch (error) {
    stop();
    throw error;
  }
  return { stop };
}

/** Says what has failed, once a minute for each place. */
function reportOf(name: string): (where: string, error: unknown) => void {
  return (where, error) => {
    // The place is the key: the errors of one place may all differ.
    const text = `instrumentation "${name}" has failed in ${where} (${describeError(error)}); the app goes on without it`;
    log.warnSometimes(`${name} ${where}`, text);
  };
}

function createPluginHost(
  { name, version, options = {} }: InstrumentationDefinition,
  { modules, options: readOptions, messaging, tracerProvider, meterProvider }: UnderlyingHost,
  onStop: (undo: () => void) => void,
): PluginHost {
  const tracer = tracerProvider.getTracer(name, version);
  const say = (text: string): void => void log.warnSometimes(`${name} ${text}`, `instrumentation "${name}": ${text}`);
  const report = reportOf(name);
  // Of a plug-in that is no TypeScript.
  const defaults = options ?? {};
  const ownWraps = createOwnWraps();

  /** Runs a function of the plug-in that the app is not to hear of. */
  function guarded<Args extends readonly unknown[], Result>(where: string, run: (...args: Args) => Result) {
    return (...args: Args): Result | undefined => {
      try {
        const result = run(...args);
        isPromiseOf(result, (error) => report(where, error));
        return result;
      } catch (error) {
        report(where, error);
        return undefined;
      }
    };
  }

  /** The same for one whose result counts: a promise of it comes too late. */
  function answering<Args extends readonly unknown[], Result>(where: string, run: (...args: Args) => Result) {
    const safe = guarded(where, run);
    return (...args: Args): Result | undefined => {
      const result = safe(...args);
      if (!isPromiseOf(result, () => {})) return result;
      say(`${where} gives a promise, and nothing can wait for it; that is left out`);
      return undefined;
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
      return keepingMembers(run, (given) => runToEnd(span, trace.setSpan(parent, span), () => given(span)));
    };
  }

  return {
    name,
    tracer,
    meter: meterProvider.getMeter(name, version),
    options: typedOptions(defaults, readOptions(name.toLowerCase(), Object.keys(defaults), asWritten), say),
    observe,
    traceChannel: createTraceChannel({ tracer, observe, guarded, answering }),
    watchModule: (file, onLoad) => {
      const safe = answering(`loading ${file}`, onLoad as (...args: unknown[]) => unknown);
      const watch = watchFile(modules, file, (...args) => ownWraps.inLoad(() => safe(...args)));
      onStop(watch.stop);
    },
    wrap: (target, key, wrapper) => {
      const onFailure = (error: unknown): void => report(String(key), error);
      const guardedWrapper = guardWrapper(wrapper as (original: AnyFunction) => AnyFunction, onFailure, {
        followsAsync: true,
      });
      const undo = replaceFunction(target, key, (original) =>
        ownWraps.isOfEarlierLoad(original) ? original : ownWraps.note(guardedWrapper(original)),
      );
      onStop(undo);
    },
    client: inSpan(SpanKind.CLIENT),
    server: inSpan(SpanKind.SERVER),
    internal: inSpan(SpanKind.INTERNAL),
    producer: (message, send) =>
      keepingMembers(send, (given) =>
        sendMessage(tracer, "send", { ...withoutUndefined(message), headers: message.headers ?? {} }, given),
      ),
    consumer: (message, handle) =>
      keepingMembers(handle, (given) =>
        processMessage(tracer, messaging, { ...withoutUndefined(message), headers: message.headers ?? {} }, given),
      ),
    end: (span, error) => {
      // Callbacks of Node's say with null that nothing has failed.
      if (error === undefined || error === null) span.end();
      else fail(span, error);
    },
    log: {
      warn: say,
      info: (text) => log.info(`instrumentation "${name}": ${text}`),
      debug: (text) => log.debug(`instrumentation "${name}": ${text}`),
    },
  };
}

/** `inside` runs what it is given inside a span, and returns what follows from its promise: that gets what hangs on it. */
function keepingMembers<Args extends readonly unknown[], Result>(
  run: (...args: Args) => Result,
  inside: (run: (...args: Args) => Result) => Result,
): Result {
  let own: Result | undefined;
  const result = inside((...args) => (own = run(...args)));
  return withMembersOf(own, result);
}

/** The default tells what is made of it. */
function asWritten(text: string): string {
  return text;
}

type WithoutUndefined<Type> = { [Key in keyof Type]: Exclude<Type[Key], undefined> };

function withoutUndefined<Type extends object>(given: Type): WithoutUndefined<Type> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as WithoutUndefined<Type>;
}
