// Spans of socket.io's events by the conventions, and its listeners such that the app can take them away again.
import { SpanKind } from "@opentelemetry/api";
import type { EndingSpan } from "./spans.ts";

export function finishSocketIoSpan(span: EndingSpan): void {
  const isConsumer = span.kind === SpanKind.CONSUMER;
  const namespace = span.attributes["messaging.destination"];
  span.setAttribute("messaging.operation.type", isConsumer ? "process" : "send");
  if (typeof namespace !== "string") return;
  span.setAttribute("messaging.destination.name", namespace);
  span.updateName(`${isConsumer ? "process" : "send"} ${namespace}`);
}

type Listener = (...args: unknown[]) => unknown;
type On = (this: unknown, event: unknown, listener: Listener) => unknown;
type PatchOn = (version: string) => (original: On) => On;

/** Upstream registers a function of its own for each listener; `off` finds it by the property that Node looks at for this. */
export function keepListeners(instrumentation: object): void {
  const upstream = instrumentation as { _patchOn: PatchOn };
  const patchOn = upstream._patchOn.bind(instrumentation);
  upstream._patchOn = (version) => (original) =>
    function on(event, listener) {
      const tracing = patchOn(version)(function register(this: unknown, name, wrapped) {
        if (wrapped !== listener) Object.assign(wrapped, { listener });
        return original.call(this, name, wrapped);
      });
      return tracing.call(this, event, listener);
    };
}
