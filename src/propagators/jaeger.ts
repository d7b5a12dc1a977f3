// Jaeger's own header, for services that still speak it: https://www.jaegertracing.io/sdk-migration/#propagation-format
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
import { remoteTraits, setRemoteParent } from "../context/remote-parent.ts";
import { headerOf, hexId } from "./carrier.ts";
import { PrefixedBaggage } from "./prefixed-baggage.ts";

const HEADER = "uber-trace-id";
const SAMPLED = 0x01;
const DEBUG = 0x02;
const FORM = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{1,16}:([0-9a-f]{1,2})$/i;

export class JaegerPropagator implements TextMapPropagator {
  readonly #baggage = new PrefixedBaggage("uberctx-");

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    if (isTracingSuppressed(context)) return;
    const parent = trace.getSpanContext(context);
    if (parent !== undefined && isSpanContextValid(parent)) {
      const isSampled = (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
      const isDebug = isSampled && remoteTraits(context)?.debug === true;
      const flags = (isSampled ? SAMPLED : 0) | (isDebug ? DEBUG : 0);
      setter.set(carrier, HEADER, `${parent.traceId}:${parent.spanId}:0:0${flags}`);
    }
    this.#baggage.inject(context, carrier, setter);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const extracted = this.#baggage.extract(context, carrier, getter);
    // Some clients encode the colons.
    const header = headerOf(carrier, getter, HEADER)?.replaceAll(/%3a/gi, ":");
    const [, traceIdText, spanIdText, flagDigits = "0"] = FORM.exec(header ?? "") ?? [];
    const traceId = hexId(traceIdText, 32, 1);
    const spanId = hexId(spanIdText, 16, 1);
    if (traceId === undefined || spanId === undefined) return extracted;
    const flags = Number.parseInt(flagDigits, 16);
    const isDebug = (flags & DEBUG) !== 0;
    const traceFlags = isDebug || (flags & SAMPLED) !== 0 ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return setRemoteParent(extracted, { traceId, spanId, traceFlags }, { debug: isDebug });
  }

  fields(): string[] {
    return [HEADER];
  }
}
