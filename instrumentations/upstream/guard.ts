// Keeps what an instrumentation of others does wrong away from the app whose function it has wrapped.
import { EventEmitter, errorMonitor } from "node:events";
import { type Span, SpanStatusCode, context } from "@opentelemetry/api";
import { isPromise, settle } from "./guarded-promise.ts";
import { notAwaited } from "../../src/plugins/rejection.ts";
import {
  type Call,
  beginCall,
  callOf,
  endCall,
  replaceWrapping,
  replay,
  runItself,
  runWrapping,
} from "./guarded-call.ts";
import { type AnyFunction, asConstructible, isClass, knowInstances, resemble } from "./guarded-class.ts";

type Wrapper = (original: AnyFunction) => AnyFunction;
type Listener = (...args: unknown[]) => void;

export interface GuardOptions {
  /** The wrapping gets these arguments, and the function the app's own, whatever the wrapping makes of them. */
  readonly standIns?: StandIns | undefined;
  /** Whether callbacks and listeners run in the context of the call, where the library itself loses it. @default false */
  readonly bindsCallbacks?: boolean;
  /** Whether an emitter that the function returns is what the call is, and its span ends with it: upstream forgets some. @default false */
  readonly endsWithEmitter?: boolean;
  /**
   * Whether the wrapping may call the function after it has returned: an async one. It costs 0.7 microseconds a call, and
   * upstream's own do not. @default false
   */
  readonly followsAsync?: boolean;
  /** Sees a call in which a span was started: the arguments, the span, and what the function has thrown. */
  readonly afterCall?: AfterCall | undefined;
}

export type StandIns = (args: readonly unknown[]) => readonly unknown[];

export type AfterCall = (args: readonly unknown[], span: Span, error: unknown) => void;

/**
 * What `wrapper` makes of a function, such that the app gets what the function itself would give whatever the wrapping does: when that
 * fails before the function was called, it is called after all; when it fails afterwards, the function's own result counts. What
 * the function throws goes to the app, once. `onFailure` hears of the wrapping's failures.
 */
export function guardWrapper(
  wrapper: Wrapper,
  onFailure: (error: unknown) => void,
  { standIns, bindsCallbacks = false, endsWithEmitter = false, followsAsync = false, afterCall }: GuardOptions = {},
): Wrapper {
  const tell = (error: unknown): void => {
    try {
      onFailure(error);
    } catch {
      // There is nobody else to tell.
    }
  };
  return (original) => {
    const isOfClass = isClass(original);
    /** Calls of the function that are of nobody's call: whether a wrapping has called it cannot be known then. */
    let strays = 0;

    function itself<Result>(given: readonly unknown[], run: (args: readonly unknown[], call?: Call) => Result): Result {
      const call = callOf(watched, followsAsync);
      if (call === undefined) {
        strays++;
        return run(given);
      }
      const args = standIns === undefined || call.isOver ? given : call.args;
      return runItself(call, () => run(args, call));
    }

    const watched: AnyFunction = new Proxy(original, {
      apply(target, self, given: unknown[]) {
        // Not what the function does: the engine's refusal is the wrapping's fault.
        if (isOfClass && callOf(watched, followsAsync) !== undefined)
          throw new TypeError(`"${original.name}" is a class, which Reflect.construct makes an instance of`);
        return itself(given, (args) => Reflect.apply(target, self, args));
      },
      construct: (target, given: unknown[], newTarget: AnyFunction) =>
        itself(given, (args, call) => {
          // A subclass of the app's stays one where the wrapping knows nothing of it.
          const byApp = call?.outcome === undefined ? (call?.newTarget as AnyFunction | undefined) : undefined;
          return Reflect.construct(target, args, newTarget === watched ? (byApp ?? target) : newTarget) as object;
        }),
    });

    function guarded(
      args: readonly unknown[],
      newTarget: AnyFunction | undefined,
      callWrapped: () => unknown,
      callOriginal: () => unknown,
    ): unknown {
      const straysBefore = strays;
      const call = beginCall(watched, args, newTarget, followsAsync);
      try {
        const result = runWrapping(call, followsAsync, callWrapped);
        if (isPromise(result)) {
          return settle(call, result, {
            tell,
            callOriginal,
            isKnown: () => strays === straysBefore,
          });
        }
        if (call.outcome === undefined || !(result instanceof EventEmitter)) return result;
        if (call.errorListeners !== undefined) onlyMonitorErrors(result, call.errorListeners);
        if (endsWithEmitter) endWith(result, call.span);
        if (bindsCallbacks) context.bind(context.active(), result);
        return result;
      } catch (error) {
        const { outcome } = call;
        if (outcome !== undefined && "error" in outcome && outcome.error === error) throw error;
        tell(error);
        return outcome === undefined ? replaceWrapping(call, callOriginal) : replay(outcome);
      } finally {
        if (afterCall !== undefined && call.span !== undefined) runAfter(afterCall, call, call.span, tell);
        if (!call.isPending) endCall(call);
      }
    }

    const wrapped = wrapper(watched);
    if (typeof wrapped !== "function") {
      notAwaited(wrapped as unknown);
      throw new TypeError("its wrapper gives no function");
    }
    const target = asConstructible(wrapped, original);
    resemble(target, original, watched);
    const proxy: AnyFunction = new Proxy(target, {
      apply(_, self, given: unknown[]) {
        // As it refuses to be called.
        if (isOfClass) return Reflect.apply(original, self, given);
        const args = bindsCallbacks ? given.map(bound) : given;
        return guarded(
          args,
          undefined,
          () => Reflect.apply(target, self, standIns?.(args) ?? args),
          () => Reflect.apply(original, self, args),
        );
      },
      construct: (_, args, newTarget: AnyFunction) =>
        guarded(
          args,
          newTarget === proxy ? undefined : newTarget,
          () => Reflect.construct(target, args, newTarget === proxy ? target : newTarget),
          () => Reflect.construct(original, args, newTarget === proxy ? original : newTarget),
        ) as object,
    });
    knowInstances(proxy, original);
    return proxy;
  };
}

function runAfter(after: AfterCall, { args, outcome }: Call, span: Span, onFailure: (error: unknown) => void): void {
  try {
    after(args, span, outcome !== undefined && "error" in outcome ? outcome.error : undefined);
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
