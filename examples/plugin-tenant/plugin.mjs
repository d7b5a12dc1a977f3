// What a service with many tenants wants of its telemetry. Each part is used where a setting names it; the span processor always.
import { createContextKey } from "@opentelemetry/api";
import { definePlugin } from "redtrail";

const TENANT = createContextKey("tenant");
const SLOW_SECONDS = Number(process.env.SLOW_SECONDS ?? 1);
const nothing = async () => {};

/** OTEL_PROPAGATORS=...,tenant */
const propagator = {
  extract(context, carrier, getter) {
    const value = getter.get(carrier, "x-tenant");
    const tenant = Array.isArray(value) ? value[0] : value;
    // It becomes an attribute and a header: nothing of it is taken that could be anything else.
    return /^[\w-]{1,40}$/.test(tenant ?? "") ? context.setValue(TENANT, tenant) : context;
  },
  inject(context, carrier, setter) {
    const tenant = context.getValue(TENANT);
    if (tenant !== undefined) setter.set(carrier, "x-tenant", tenant);
  },
  fields: () => ["x-tenant"],
};

const processor = {
  onStart(span, context) {
    const tenant = context.getValue(TENANT);
    if (tenant !== undefined) span.setAttribute("tenant", tenant);
  },
  onEnd() {},
  forceFlush: nothing,
  shutdown: nothing,
};

/** OTEL_TRACES_SAMPLER=parentbased_but, OTEL_TRACES_SAMPLER_ARG=monitoring; 2 is "record and send", 0 neither. */
const samplerBut = ({ arg }) => ({
  shouldSample: (context) => ({ decision: context.getValue(TENANT) === arg ? 0 : 2 }),
  toString: () => `But{${arg}}`,
});

/** OTEL_TRACES_EXPORTER=zipkin,slow */
const exporter = {
  export(spans, done) {
    for (const { name, duration, attributes } of spans) {
      const seconds = duration[0] + duration[1] / 1e9;
      if (seconds >= SLOW_SECONDS) console.log(`slow: ${name} of ${attributes.tenant} took ${seconds.toFixed(3)} s`);
    }
    done({ code: 0 });
  },
  shutdown: nothing,
};

export default definePlugin({
  name: "tenant",
  propagators: { tenant: () => propagator },
  spanProcessors: [processor],
  samplers: { but: samplerBut },
  spanExporters: { slow: () => exporter },
});
