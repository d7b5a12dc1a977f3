// A plug-in's propagator, which runs inside of the app's calls.
import type { Context, TextMapPropagator } from "@opentelemetry/api";
import type { Guard } from "./guard.ts";

export const PROPAGATOR_CONSEQUENCE = "the others carry the request on";

export function guardPropagator(propagator: TextMapPropagator, guard: Guard): TextMapPropagator {
  const inject = guard.method("inject");
  const extract = guard.method("extract");
  const fields = guard.method("fields");
  return {
    inject(context, carrier, setter) {
      if (guard.isOff) return;
      try {
        inject.passed(propagator.inject(context, carrier, setter));
      } catch (error) {
        inject.failed(error);
      }
    },
    extract(context, carrier, getter) {
      if (guard.isOff) return context;
      try {
        const extracted = checked(propagator.extract(context, carrier, getter));
        extract.passed();
        return extracted;
      } catch (error) {
        extract.failed(error);
        return context;
      }
    },
    fields() {
      try {
        const names = propagator.fields().map(String);
        fields.passed();
        return names;
      } catch (error) {
        fields.failed(error);
        return [];
      }
    },
  };
}

function checked(context: Context): Context {
  if (typeof context?.getValue !== "function") throw new TypeError("what it returned is no Context");
  return context;
}
