// Spans of socket.io's events by the conventions, and its listeners such that the app can take them away again.
import { EventEmitter } from "node:events";
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

type Listener = ((this: EventEmitter, ...args: unknown[]) => unknown) & { listener?: unknown };
type On = (this: unknown, event: unknown, listener: Listener) => unknown;
type PatchOn = (version: string) => (original: On) => On;

/** Upstream registers a function of its own for each listener; `off` finds it by the property that Node looks at for this. */
export function keepListeners(instrumentation: object): void {
  const upstream = instrumentation as { _patchOn: PatchOn };
  const patchOn = upstream._patchOn.bind(instrumentation);
  const onceName = nameOfOnce();
  upstream._patchOn = (version) => (original) =>
    function on(event, listener) {
      // `once` comes here with a function that takes itself away: not what would be registered.
      const isOnce = listener.name === onceName && typeof listener.listener === "function";
      const own = isOnce ? (listener.listener as Listener) : listener;
      const register = patchOn(version)(function registerAs(this: unknown, name, traced) {
        const registered = isOnce ? onceOnly(name, traced) : traced;
        if (registered !== own) registered.listener = own;
        return original.call(this, name, registered);
      });
      return register.call(this, event, own);
    };
}

/** Of the function that `once` registers: `bound onceWrapper`, or `wrapper` in later versions of Node. */
function nameOfOnce(): string {
  const [registered] = new EventEmitter().once("any", () => {}).rawListeners("any");
  return registered?.name ?? "";
}

function onceOnly(event: unknown, listener: Listener): Listener {
  return function once(this: EventEmitter, ...args) {
    this.removeListener(event as string, once);
    return listener.apply(this, args);
  };
}
