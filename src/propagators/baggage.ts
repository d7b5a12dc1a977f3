// W3C Baggage: https://www.w3.org/TR/baggage/
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const HEADER_TEXT = /^[\t\x20-\x7e]*$/;

/** Upstream's, which writes an entry's metadata as it came: what no header can carry, Node would throw at. */
export class BaggagePropagator implements TextMapPropagator {
  readonly #upstream = new W3CBaggagePropagator();

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    this.#upstream.inject(context, carrier, {
      set: (to: unknown, key, value) => {
        const sent = HEADER_TEXT.test(value) ? value : sendable(value);
        if (sent !== "") setter.set(to, key, sent);
      },
    });
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    return this.#upstream.extract(context, carrier, getter);
  }

  fields(): string[] {
    return this.#upstream.fields();
  }
}

function sendable(members: string): string {
  return members
    .split(",")
    .filter((member) => HEADER_TEXT.test(member))
    .join(",");
}
