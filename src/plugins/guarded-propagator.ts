// A plug-in's propagator, which runs inside of the app's calls and writes into the app's requests.
import { validateHeaderName, validateHeaderValue } from "node:http";
import type { Context, TextMapPropagator, TextMapSetter } from "@opentelemetry/api";
import type { Guard } from "./guard.ts";
import { notAwaited } from "./rejection.ts";

export const PROPAGATOR_CONSEQUENCE = "the others carry the request on";

/** Headers that say what the request is, and not what it is part of: with another value the app's own would be broken, or go elsewhere. */
const NOT_FOR_PROPAGATORS: ReadonlySet<string> = new Set([
  ...["connection", "content-encoding", "content-length", "content-type", "expect", "host", "http2-settings"],
  ...["keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"],
]);

/** Beyond it a server may refuse the request: Node's takes 16 KB of headers in all. */
const MAX_VALUE_LENGTH = 8_192;

export function guardPropagator(propagator: TextMapPropagator, guard: Guard): TextMapPropagator {
  const inject = guard.method("inject");
  const extract = guard.method("extract");
  const fields = guard.method("fields");
  /** Of the injection that is going on, which is synchronous. */
  let setter: TextMapSetter | undefined;
  const checking: TextMapSetter = {
    set(carrier, key, value) {
      // A promise of `inject` may still be at work when the request has gone.
      if (setter === undefined) throw new TypeError("it writes after inject has returned");
      checkHeader(key, value);
      setter.set(carrier, key, value);
    },
  };
  return {
    inject(context, carrier, given) {
      if (guard.isOff) return;
      const outer = setter;
      setter = given;
      try {
        inject.passed(propagator.inject(context, carrier, checking));
      } catch (error) {
        inject.failed(error);
      } finally {
        setter = outer;
      }
    },
    extract(context, carrier, getter) {
      if (guard.isOff) return context;
      try {
        const extracted = checkContext(notAwaited(propagator.extract(context, carrier, getter)));
        extract.passed();
        return extracted;
      } catch (error) {
        extract.failed(error);
        return context;
      }
    },
    fields() {
      try {
        const names = notAwaited(propagator.fields()).map(String);
        fields.passed();
        return names;
      } catch (error) {
        fields.failed(error);
        return [];
      }
    },
  };
}

/** Throws where the app's request would throw, or be another. */
function checkHeader(key: unknown, value: unknown): void {
  if (typeof key !== "string" || typeof value !== "string")
    throw new TypeError("a header's name and value are strings");
  validateHeaderName(key);
  validateHeaderValue(key, value);
  if (NOT_FOR_PROPAGATORS.has(key.toLowerCase())) throw new TypeError(`"${key}" is the request's own`);
  if (value.length > MAX_VALUE_LENGTH) throw new TypeError(`"${key}" is longer than ${MAX_VALUE_LENGTH} characters`);
}

function checkContext(context: Context): Context {
  if (typeof context?.getValue !== "function") throw new TypeError("what it returned is no Context");
  return context;
}
