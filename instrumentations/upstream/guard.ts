// Keeps what an instrumentation of others does wrong away from the app whose function it has wrapped.
import { EventEmitter, errorMonitor } from "node:events";
import { type Span, SpanStatusCode, context } from "@opentelemetry/api";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Wrapper = (original: AnyFunction) => AnyFunction;
type Listener = (...args: unknown[]) => void;

export interface GuardOptions {
  /** The wrapping gets these arguments, and the function the app's own, whatever the wrapping makes of them. */
  readonly standIns?: StandIns | undefined;
  /** Whether callbacks and listeners run in the context of the call, where the library itself loses it. @default false */
  readonly bindsCallbacks?: boolean;
  /** Whether an emitter that the function returns is what the call is, and its span ends with it: upstream forgets some. @default false */
  readonly endsWithEmitter?: boolean;
  /** Sees a call in which a span was started: the arguments, the span, and what the function has thrown. */
  readonly afterCall?: AfterCall | undefined;
}

export type StandIns = (args: readonly unknown[]) => readonly unknown[];

export type AfterCall = (args: readonly unknown[], span: Span, error: unknown) => void;

/** What the function itself did in one call. */
interface Call {
  readonly args: readonly unknown[];
  outcome?: { readonly result?: unknown; readonly error?: unknown };
  /** Of an emitter that it returned. */
  errorListeners?: number;
  /** The first that was started in it. */
  span?: Span;
}

/** The innermost call that is going on, of whatever function. */
let innermost: Call | undefined;

/** To be told of each span that an instrumentation starts. */
export function noteSpan(span: Span): void {
  if (innermost !== undefined) innermost.span ??= span;
}

/**
 * What `wrapper` makes of a function, such that the app gets what the function itself would give whatever the wrapping does: when that
 * fails before the function was called, it is called after all; when it fails afterwards, the function's own result counts. What
 * the function throws goes to the app, once. `onFailure` hears of the wrapping's failures.
 */
export function guardWrapper(
  wrapper: Wrapper,
  onFailure: (error: unknown) => void,
  { standIns, bindsCallbacks = false, endsWithEmitter = false, afterCall }: GuardOptions = {},
): Wrapper {
  return (original) => {
    // Of the call that is going on; a call within it has a record of its own, and puts this one back.
    let current: Call = { args: [] };

    function finished<Result>(run: () => Result): Result {
      const call = current;
      try {
        const result = run();
        call.outcome = { result };
        if (result instanceof EventEmitter) call.errorListeners = result.listenerCount("error");
        return result;
      } catch (error) {
        call.outcome = { error };
        throw error;
      }
    }

    function guarded(args: readonly unknown[], callWrapped: () => unknown, callOriginal: () => unknown): unknown {
      const outer = current;
      const outermost = innermost;
      const call: Call = { args };
      current = innermost = call;
      try {
        const result = callWrapped();
        if (call.outcome === undefined) return result;
        if (!(result instanceof EventEmitter)) return checked(result, call.outcome.result, onFailure);
        if (call.errorListeners !== undefined) onlyMonitorErrors(result, call.errorListeners);
        if (endsWithEmitter) endWith(result, call.span);
        if (bindsCallbacks) context.bind(context.active(), result);
        return result;
      } catch (error) {
        const { outcome } = call;
        if (outcome !== undefined && "error" in outcome && outcome.error === error) throw error;
        onFailure(error);
        if (outcome === undefined) return callOriginal();
        if ("error" in outcome) throw outcome.error;
        return outcome.result;
      } finally {
        current = outer;
        innermost = outermost;
        if (afterCall !== undefined && call.span !== undefined) runAfter(afterCall, call, call.span, onFailure);
      }
    }

    const watched: AnyFunction = new Proxy(original, {
      apply: (target, self, args) =>
        finished(() => Reflect.apply(target, self, standIns === undefined ? args : current.args)),
      construct: (target, args, newTarget: AnyFunction) =>
        finished(() => Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object),
    });
    const wrapped = wrapper(watched);
    resemble(wrapped, original);
    const proxy: AnyFunction = new Proxy(wrapped, {
      apply(target, self, given: unknown[]) {
        const args = bindsCallbacks ? given.map(bound) : given;
        return guarded(
          args,
          () => Reflect.apply(target, self, standIns?.(args) ?? args),
          () => Reflect.apply(original, self, args),
        );
      },
      construct: (target, args, newTarget: AnyFunction) =>
        guarded(
          args,
          () => Reflect.construct(target, args, newTarget === proxy ? target : newTarget),
          () => Reflect.construct(original, args, newTarget === proxy ? original : newTarget),
        ) as object,
    });
    return proxy;
  };
}

function runAfter(after: AfterCall, { args, outcome }: Call, span: Span, onFailure: (error: unknown) => void): void {
  try {
    after(args, span, outcome?.error);
  } catch (error) {
    onFailure(error);
  }
}

function bound(value: unknown): unknown {
  if (typeof value === "function") return context.bind(context.active(), value);
  // mysql2's pool has made a query of its arguments.
  const query = value as { onResult?: unknown } | null | undefined;
  if (typeof query?.onResult === "function") query.onResult = context.bind(context.active(), query.onResult);
  return value;
}

/** What the wrapping returns, unless it is a promise and fails where the function's own does not. */
function checked(result: unknown, own: unknown, onFailure: (error: unknown) => void): unknown {
  return isPromise(own) && isPromise(result) && result !== own ? settledAs(own, result, onFailure) : result;
}

function endWith(emitter: EventEmitter, span: Span | undefined): void {
  if (span === undefined || !span.isRecording()) return;
  // After a callback, if there is one: upstream ends it there, and knows of errors.
  const end = (): void => process.nextTick(() => span.isRecording() && span.end());
  emitter.once("end", end).once("close", end);
  emitter.once(errorMonitor, (error: unknown) => {
    if (!span.isRecording()) return;
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    end();
  });
}

/** The wrapping's own listeners must not make an error look handled that the app handles elsewhere, or not at all. */
function onlyMonitorErrors(emitter: EventEmitter, before: number): void {
  for (const listener of emitter.rawListeners("error").slice(before) as Listener[]) {
    emitter.removeListener("error", listener);
    emitter.on(errorMonitor, listener);
  }
}

/** A subclass of Promise may mean more than a promise, and is left alone. */
function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && value.constructor === Promise;
}

/** What failed between the function's promise and the app's is ours. */
function settledAs(
  own: Promise<unknown>,
  wrapped: Promise<unknown>,
  onFailure: (error: unknown) => void,
): Promise<unknown> {
  return wrapped.catch((error: unknown) =>
    own.then(
      (result) => {
        onFailure(error);
        return result;
      },
      (reason: unknown) => {
        if (reason !== error) onFailure(error);
        throw reason;
      },
    ),
  );
}

/** Libraries look at the length of functions, and keep more than code in them. */
function resemble(wrapped: AnyFunction, original: AnyFunction): void {
  try {
    for (const key of Reflect.ownKeys(original)) {
      if (key !== "length" && key !== "name" && key !== "prototype" && Object.hasOwn(wrapped, key)) continue;
      Reflect.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(original, key) as PropertyDescriptor);
    }
    const prototype: unknown = Object.getPrototypeOf(original);
    if (prototype !== Object.getPrototypeOf(wrapped)) Object.setPrototypeOf(wrapped, prototype as object);
  } catch {
    // It cannot be changed, and is as the instrumentation has made it.
  }
}
