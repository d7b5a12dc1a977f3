// Makes one emitter's listeners run in a request's context, for the few emitters whose events Node emits outside of it.
import type { EventEmitter } from "node:events";
import { type Context, context as contextApi } from "@opentelemetry/api";

/** Listeners stay the app's own functions: only `emit` is put into the context, so adding and removing them is untouched. */
export function bindEmitter(emitter: EventEmitter, context: Context): void {
  const { emit } = emitter;
  emitter.emit = function emitInContext(this: EventEmitter, ...args: Parameters<EventEmitter["emit"]>): boolean {
    return contextApi.with(context, emit, this, ...args);
  };
}
