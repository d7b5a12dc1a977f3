// What the app gets where the wrapping of a function gives a promise: what the function's own becomes, whatever becomes of the wrapping's.
import { types } from "node:util";
import { withMembersOf } from "../promise-members.ts";
import { type Call, type Outcome, endCall, replaceWrapping, replay } from "./guarded-call.ts";

export interface Settling {
  readonly tell: (error: unknown) => void;
  readonly callOriginal: () => unknown;
  /** Whether the call knows of all that was called: what is called out of any context may have been for it. */
  readonly isKnown: () => boolean;
}

/** A subclass of Promise may mean more than a promise, and is left alone. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && value.constructor === Promise;
}

export function settle(call: Call, result: Promise<unknown>, settling: Settling): unknown {
  const { outcome } = call;
  if (outcome !== undefined && !isAwaited(outcome)) {
    // The function is done: what comes later is not for the app.
    result.catch((error: unknown) => ("error" in outcome && outcome.error === error) || settling.tell(error));
    if ("result" in outcome && outcome.result !== undefined)
      settling.tell(new TypeError("it gives a promise where the function gives none"));
    return replay(outcome);
  }
  if (outcome !== undefined && outcome.result === result) return result;
  call.isPending = true;
  const settled = result.then(
    (value) => {
      endCall(call);
      return value;
    },
    (error: unknown) => {
      try {
        return afterRejection(call, error, settling);
      } finally {
        endCall(call);
      }
    },
  );
  return withMembersOf(result, settled);
}

function afterRejection(call: Call, error: unknown, { tell, callOriginal, isKnown }: Settling): unknown {
  const own = call.outcome;
  if (own !== undefined) return ownSettlement(own, error, tell);
  tell(error);
  if (isKnown()) return replaceWrapping(call, callOriginal);
  throw error;
}

function ownSettlement(own: Outcome, error: unknown, tell: (error: unknown) => void): unknown {
  if ("error" in own) {
    if (own.error !== error) tell(error);
    throw own.error;
  }
  // Of a thenable that begins its work when it is awaited, or of a callback, nobody knows whose error it is.
  if (!types.isPromise(own.result)) throw error;
  return own.result.then(
    (result) => {
      tell(error);
      return result;
    },
    (reason: unknown) => {
      if (reason !== error) tell(error);
      throw reason;
    },
  );
}

/** Of a promise, or of what begins its work when it is awaited. */
function isAwaited(outcome: Outcome): outcome is { readonly result: unknown } {
  return (
    "result" in outcome &&
    typeof (outcome.result as { readonly then?: unknown } | null | undefined)?.then === "function"
  );
}
