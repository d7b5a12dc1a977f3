// B3, single and multiple headers: https://github.com/openzipkin/b3-propagation
// Upstream's takes "no decision yet" for "not sampled", and knows no upper case and no decision without ids.
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  isSpanContextValid,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import {
  type RemoteTraits,
  isUndecided,
  remoteTraits,
  setRemoteParent,
  setRemoteTraits,
} from "../context/remote-parent.ts";
import { headerOf, hexId } from "./carrier.ts";

export type B3Encoding = "single" | "multi";

const SINGLE = "b3";
const TRACE_ID = "x-b3-traceid";
const SPAN_ID = "x-b3-spanid";
const SAMPLED = "x-b3-sampled";
const FLAGS = "x-b3-flags";

/** What a sender has decided; undefined is "you decide". */
type Decision = "accepted" | "denied" | "debug" | undefined;

const DECISIONS: Readonly<Record<string, Decision>> = {
  "1": "accepted",
  true: "accepted",
  "0": "denied",
  false: "denied",
  d: "debug",
};

/** Reads both forms, the single header first; writes one. */
export class B3Propagator implements TextMapPropagator {
  readonly #encoding: B3Encoding;

  constructor(encoding: B3Encoding) {
    this.#encoding = encoding;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const parent = trace.getSpanContext(context);
    if (isTracingSuppressed(context)) return;
    if (parent === undefined || !isSpanContextValid(parent)) {
      this.#injectDecision(remoteTraits(context), carrier, setter);
      return;
    }
    const { traceId, spanId, traceFlags } = parent;
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    const isDebug = isSampled && remoteTraits(context)?.debug === true;
    const decision = isUndecided(context, parent) ? undefined : isSampled ? "1" : "0";
    if (this.#encoding === "single") {
      const suffix = decision === undefined ? "" : `-${isDebug ? "d" : decision}`;
      setter.set(carrier, SINGLE, `${traceId}-${spanId}${suffix}`);
      return;
    }
    setter.set(carrier, TRACE_ID, traceId);
    setter.set(carrier, SPAN_ID, spanId);
    // The specification: who sends the debug flag does not send the decision too.
    if (isDebug) setter.set(carrier, FLAGS, "1");
    else if (decision !== undefined) setter.set(carrier, SAMPLED, decision);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const single = headerOf(carrier, getter, SINGLE);
    if (single !== undefined) {
      const [first, second, third] = single.split("-", 4);
      // `b3: 0` is a decision alone.
      if (second === undefined) return continued(context, undefined, undefined, decisionOf(first));
      const known = continued(context, first, second, decisionOf(third));
      if (known !== context) return known;
    }
    const flags = headerOf(carrier, getter, FLAGS);
    return continued(
      context,
      headerOf(carrier, getter, TRACE_ID),
      headerOf(carrier, getter, SPAN_ID),
      flags === "1" ? "debug" : decisionOf(headerOf(carrier, getter, SAMPLED)),
    );
  }

  /** Of a caller without a trace, where nobody has begun one: OTEL_SDK_DISABLED. */
  #injectDecision({ decision, debug }: RemoteTraits = {}, carrier: unknown, setter: TextMapSetter): void {
    if (debug !== true && decision !== "accepted" && decision !== "denied") return;
    const value = decision === "denied" ? "0" : "1";
    if (this.#encoding === "single") setter.set(carrier, SINGLE, debug === true ? "d" : value);
    else setter.set(carrier, debug === true ? FLAGS : SAMPLED, value);
  }

  fields(): string[] {
    return this.#encoding === "single" ? [SINGLE] : [TRACE_ID, SPAN_ID, FLAGS, SAMPLED];
  }
}

function decisionOf(text: string | undefined): Decision {
  return text === undefined || !Object.hasOwn(DECISIONS, text.toLowerCase())
    ? undefined
    : DECISIONS[text.toLowerCase()];
}

/** Unchanged when the headers say nothing. */
function continued(
  context: Context,
  traceIdText: string | undefined,
  spanIdText: string | undefined,
  decision: Decision,
): Context {
  const traceId = traceIdText?.length === 16 ? hexId(traceIdText, 32, 16) : hexId(traceIdText, 32);
  const spanId = hexId(spanIdText, 16);
  if (traceId !== undefined && spanId !== undefined) {
    const traceFlags = decision === "accepted" || decision === "debug" ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return setRemoteParent(
      context,
      { traceId, spanId, traceFlags },
      { debug: decision === "debug", decision: decision === undefined ? "deferred" : undefined },
    );
  }
  // Ids that are there and not valid take their decision with them.
  if (decision === undefined || traceIdText !== undefined || trace.getSpanContext(context) !== undefined)
    return context;
  return setRemoteTraits(context, {
    debug: decision === "debug",
    decision: decision === "denied" ? "denied" : "accepted",
  });
}
