// AWS X-Ray: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
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
import { isUndecided, setRemoteParent } from "../context/remote-parent.ts";
import { headerOf, hexId } from "./carrier.ts";

const HEADER = "x-amzn-trace-id";
const ROOT = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i;
const MAX_FIELDS = 16;

export class XRayPropagator implements TextMapPropagator {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const parent = trace.getSpanContext(context);
    if (parent === undefined || isTracingSuppressed(context) || !isSpanContextValid(parent)) return;
    const { traceId, spanId, traceFlags } = parent;
    const root = `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;
    const decision = isUndecided(context, parent) ? "?" : traceFlags & TraceFlags.SAMPLED;
    setter.set(carrier, HEADER, `Root=${root};Parent=${spanId};Sampled=${decision}`);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = headerOf(carrier, getter, HEADER);
    if (header === undefined) return context;
    const fields = new Map(
      header.split(";", MAX_FIELDS).map((field): [string, string] => {
        const equals = field.indexOf("=");
        return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
      }),
    );
    const root = ROOT.exec(fields.get("root") ?? "");
    const traceId = root === null ? undefined : hexId(`${root[1]}${root[2]}`, 32);
    if (traceId === undefined) return context;
    // A load balancer has a trace and no span. So that all services behind it agree, its span is named by the trace.
    const spanId = hexId(fields.get("parent"), 16) ?? hexId(traceId.slice(16), 16);
    if (spanId === undefined) return context;
    const sampled = fields.get("sampled");
    const isDecided = sampled === "0" || sampled === "1";
    return setRemoteParent(
      context,
      { traceId, spanId, traceFlags: sampled === "1" ? TraceFlags.SAMPLED : TraceFlags.NONE },
      { decision: isDecided ? undefined : "deferred" },
    );
  }

  fields(): string[] {
    return [HEADER];
  }
}
