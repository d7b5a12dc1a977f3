// X-Request-ID as an OpenTelemetry propagator: taken from the carrier, else from the context, else made new.
// https://opentelemetry.io/docs/specs/otel/context/api-propagators/
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { RequestIdFormat } from "../config/config.ts";
import { getRequestId, setRequestId, setRequestIdOrigin } from "../context/request-id.ts";
import { REQUEST_ID_GENERATORS, validRequestId } from "./request-id-format.ts";

/** The headers' names on the wire, as carriers' keys. */
export const REQUEST_ID_HEADERS: readonly string[] = ["x-request-id", "x-correlation-id"];

export interface RequestIdPropagatorOptions {
  /** How a new id is made. @default "uuid7" */
  readonly format?: RequestIdFormat;
  /** In lower case; the first that holds a valid id wins, the first of the list is written. @default REQUEST_ID_HEADERS */
  readonly headers?: readonly string[];
  /** Whether contexts tell ids that were given from ids that were made; shared storage asks. @default false */
  readonly marksOrigin?: boolean;
}

export class RequestIdPropagator implements TextMapPropagator {
  readonly #generate: (() => string) | undefined;

  readonly #headers: readonly string[];
  readonly #header: string;
  readonly #marksOrigin: boolean;

  constructor({
    format = "uuid7",
    headers = REQUEST_ID_HEADERS,
    marksOrigin = false,
  }: RequestIdPropagatorOptions = {}) {
    this.#marksOrigin = marksOrigin;
    this.#headers = headers;
    this.#header = headers[0] as string;
    this.#generate = REQUEST_ID_GENERATORS[format];
  }

  /**
   * Writes the context's id. Makes none: outside of a request each call would get an unrelated one.
   * An id that the app has put into a plain carrier wins, whatever the case of its key.
   */
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const id = getRequestId(context);
    if (id === undefined || isTracingSuppressed(context)) return;
    if (isPlain(carrier) && hasKey(carrier as object, this.#header)) return;
    setter.set(carrier, this.#header, id);
  }

  /** Gives each incoming request an id; one that is not valid is replaced, and its value is kept nowhere. */
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const given = this.#given(carrier, getter);
    if (given !== undefined) {
      const withId = setRequestId(context, given);
      return this.#marksOrigin ? setRequestIdOrigin(withId, "given") : withId;
    }
    const known = getRequestId(context);
    if (known !== undefined) return context;
    if (this.#generate !== undefined) return setRequestId(context, this.#generate());
    const remote = trace.getSpanContext(context);
    return remote === undefined ? context : setRequestId(context, remote.traceId);
  }

  fields(): string[] {
    return [this.#header];
  }

  #given(carrier: unknown, getter: TextMapGetter): string | undefined {
    for (const header of this.#headers) {
      const id = validRequestId(getter.get(carrier, header));
      if (id !== undefined) return id;
    }
    return undefined;
  }
}

/** Headers as an object, and not as the class of an HTTP library, whose setter knows of the app's own. */
function isPlain(carrier: unknown): boolean {
  if (typeof carrier !== "object" || carrier === null) return false;
  const prototype: unknown = Object.getPrototypeOf(carrier);
  return prototype === Object.prototype || prototype === null;
}

function hasKey(carrier: object, header: string): boolean {
  for (const key in carrier) if (key.length === header.length && key.toLowerCase() === header) return true;
  return false;
}
