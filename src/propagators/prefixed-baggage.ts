// Baggage as one header for each entry, as Jaeger and OpenTracing sent it.
import { type Context, type TextMapGetter, type TextMapSetter, propagation } from "@opentelemetry/api";
import { headerOf } from "./carrier.ts";

/** The limits of W3C Baggage, which has none for this form. */
const MAX_ENTRIES = 64;
const MAX_BYTES = 8192;
/** A header's name (RFC 9110, 5.1); Node would throw at any other. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const TEXT = /^[\x20-\x7e]*$/;

export class PrefixedBaggage {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
    let bytes = 0;
    for (const [key, { value }] of entries.slice(0, MAX_ENTRIES)) {
      const encoded = encodeURIComponent(value.toWellFormed());
      bytes += key.length + encoded.length;
      if (bytes > MAX_BYTES) return;
      if (TOKEN.test(key)) setter.set(carrier, this.#prefix + key, encoded);
    }
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    let baggage = propagation.getBaggage(context);
    let entries = 0;
    let bytes = 0;
    for (const header of getter.keys(carrier)) {
      if (header.length <= this.#prefix.length || !header.toLowerCase().startsWith(this.#prefix)) continue;
      const value = decoded(headerOf(carrier, getter, header));
      if (value === undefined) continue;
      bytes += header.length + value.length;
      if (++entries > MAX_ENTRIES || bytes > MAX_BYTES) break;
      baggage = (baggage ?? propagation.createBaggage()).setEntry(header.slice(this.#prefix.length), { value });
    }
    return baggage === undefined ? context : propagation.setBaggage(context, baggage);
  }
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || !TEXT.test(text)) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
