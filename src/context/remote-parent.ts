// What a carrier says of the trace that it belongs to, beyond what a SpanContext holds.
import { type Context, type SpanContext, createContextKey, trace } from "@opentelemetry/api";

/**
 * A decision that has no place in the flags of a span context:
 * - `deferred`: the caller has a trace, and leaves the decision to us;
 * - `accepted` and `denied`: the caller has decided, and has no trace.
 */
export type RemoteDecision = "deferred" | "accepted" | "denied";

export interface RemoteTraits {
  /** Whether the trace id is known to be random (W3C Trace Context level 2, the flag `random`). @default false */
  readonly random?: boolean;
  /** Whether the trace is to be kept whatever samplers say (B3 and Jaeger). @default false */
  readonly debug?: boolean;
  readonly decision?: RemoteDecision | undefined;
}

const TRAITS = createContextKey("redtrail.remote-traits");

/** Of the trace that the context continues; undefined when it began here. */
export function remoteTraits(context: Context): RemoteTraits | undefined {
  return context.getValue(TRAITS) as RemoteTraits | undefined;
}

/** Whether the decision is still open: the caller has left it to us, and no span of ours has been started since. */
export function isUndecided(context: Context, parent: SpanContext): boolean {
  return parent.isRemote === true && remoteTraits(context)?.decision === "deferred";
}

/** Whether the trace id is known to be random: that of a trace which began here is, whatever a caller without a trace has decided. */
export function isRandomTrace(context: Context): boolean {
  const traits = remoteTraits(context);
  return (
    traits === undefined || traits.random === true || traits.decision === "accepted" || traits.decision === "denied"
  );
}

export function setRemoteTraits(context: Context, traits: RemoteTraits): Context {
  return context.setValue(TRAITS, traits);
}

/** The context without a trace; the request id and all else stay. */
export function withoutParent(context: Context): Context {
  return trace.deleteSpan(context).deleteValue(TRAITS);
}

export function setRemoteParent(
  context: Context,
  parent: Omit<SpanContext, "isRemote">,
  traits: RemoteTraits,
): Context {
  return setRemoteTraits(trace.setSpanContext(context, { ...parent, isRemote: true }), traits);
}
