// What a function itself did in one call of its wrapping, however late the wrapping comes to call it.
import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import type { Span } from "@opentelemetry/api";

export type Outcome = { readonly result: unknown } | { readonly error: unknown };

export interface Call {
  /** The function that is guarded; any object of its own. */
  readonly of: object;
  args: readonly unknown[];
  /** The class that the app makes an instance of, where it is not the guarded one: a subclass of its own. */
  readonly newTarget: unknown;
  outcome?: Outcome | undefined;
  /** The function was called in the wrapping's place. */
  isReplaced?: true;
  /** The wrapping has given a promise. */
  isPending?: true;
  /** The app has what it gets; nothing is recorded any more. */
  isOver?: true;
  /** Of an emitter that it returned. */
  errorListeners?: number;
  /** The first that was started in it. */
  span?: Span;
  /** The call that was going on when this one began: of this function or another. */
  readonly outer: Call | undefined;
  readonly depth: number;
}

/** Where the code of wrappings runs, however late; what they call runs in it too. */
const calls = new AsyncLocalStorage<Call>();

/** Calls that never end, each made by the one before, would hold each other; what is further out than this is forgotten. */
const MAX_DEPTH = 32;

/** The innermost call that is going on, of whatever function. */
let innermost: Call | undefined;

/** To be told of each span that an instrumentation starts. */
export function noteSpan(span: Span): void {
  if (innermost !== undefined) innermost.span ??= span;
}

/** `isFollowed`: by async context, so that what the wrapping does later is known as this call's. */
export function beginCall(of: object, args: readonly unknown[], newTarget: unknown, isFollowed: boolean): Call {
  let outer = isFollowed ? calls.getStore() : innermost;
  while (outer?.isOver) outer = outer.outer;
  const depth = (outer?.depth ?? 0) + 1;
  return depth > MAX_DEPTH
    ? { of, args, newTarget, outer: undefined, depth: 1 }
    : { of, args, newTarget, outer, depth };
}

/** Runs the wrapping. */
export function runWrapping<Result>(call: Call, isFollowed: boolean, run: () => Result): Result {
  const outermost = innermost;
  innermost = call;
  try {
    return isFollowed ? calls.run(call, run) : run();
  } finally {
    innermost = outermost;
  }
}

/** The call that the code of a wrapping works for; undefined where that is not known: later, or in another async context. */
export function callOf(of: object, isFollowed: boolean): Call | undefined {
  let call = isFollowed ? calls.getStore() : innermost;
  while (call !== undefined && call.of !== of) call = call.outer;
  return call;
}

/** Runs the function itself, and records what it did. Where it was called in the wrapping's place already, it is not called again. */
export function runItself<Result>(call: Call, run: () => Result): Result {
  if (call.isReplaced) return replay(call.outcome as Outcome) as Result;
  if (call.isOver) return run();
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

/** Calls the function in the wrapping's place. */
export function replaceWrapping(call: Call, run: () => unknown): unknown {
  call.isReplaced = true;
  try {
    call.outcome = { result: run() };
  } catch (error) {
    call.outcome = { error };
  }
  return replay(call.outcome);
}

export function replay(outcome: Outcome): unknown {
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

/** Lets go of all that the app has, as what the wrapping has begun may live on. */
export function endCall(call: Call): void {
  call.isOver = true;
  if (call.isReplaced) return;
  call.args = [];
  call.outcome = undefined;
}
