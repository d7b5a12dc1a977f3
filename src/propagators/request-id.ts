// X-Request-ID as an OpenTelemetry propagator: taken from the carrier, else from the context, else made new.
// https://opentelemetry.io/docs/specs/otel/context/api-propagators/
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  defaultTextMapSetter,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { RequestIdFormat } from "../config/config.ts";
import { getRequestId, setRequestId } from "../context/request-id.ts";
import { REQUEST_ID_GENERATORS, validRequestId } from "./request-id-format.ts";

/** The header's name on the wire, as a carrier's key. */
export const REQUEST_ID_HEADER = "x-request-id";

export interface RequestIdPropagatorOptions {
  /** How a new id is made. @default "uuid7" */
  readonly format?: RequestIdFormat;
}

export class RequestIdPropagator implements TextMapPropagator {
  readonly #generate: (() => string) | undefined;

  constructor({ format = "uuid7" }: RequestIdPropagatorOptions = {}) {
    this.#generate = REQUEST_ID_GENERATORS[format];
  }

  /**
   * Writes the context's id. Makes none: outside of a request each call would get an unrelated one.
   * An id that the app has put into a plain carrier wins, whatever the case of its key.
   */
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const id = getRequestId(context);
    if (id === undefined || isTracingSuppressed(context)) return;
    if (setter === defaultTextMapSetter && hasKey(carrier as object)) return;
    setter.set(carrier, REQUEST_ID_HEADER, id);
  }

  /** Gives each incoming request an id; one that is not valid is replaced, and its value is kept nowhere. */
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const id = validRequestId(getter.get(carrier, REQUEST_ID_HEADER)) ?? getRequestId(context);
    if (id !== undefined) return setRequestId(context, id);
    if (this.#generate !== undefined) return setRequestId(context, this.#generate());
    const remote = trace.getSpanContext(context);
    return remote === undefined ? context : setRequestId(context, remote.traceId);
  }

  fields(): string[] {
    return [REQUEST_ID_HEADER];
  }
}

function hasKey(carrier: object): boolean {
  for (const key in carrier)
    if (key.length === REQUEST_ID_HEADER.length && key.toLowerCase() === REQUEST_ID_HEADER) return true;
  return false;
}
