// pino 8 and later: each logger gets a mixin, which its children inherit; the app's own mixin stays and wins.
import { Hook } from "require-in-the-middle";
import { log } from "../../src/diagnostics/log.ts";
import { type EmitLog, createEmitLog } from "./emit.ts";
import { type LogFields, logFields } from "./fields.ts";
import type { LogInstrumentation } from "./log-instrumentation.ts";

type Mixin = (merged: object, level: number, logger: PinoLogger | undefined) => Record<string, unknown> | undefined;
type AsJson = (this: PinoLogger, object: object | null, message: unknown, level: number, time: string) => string;

interface PinoLogger {
  bindings(): Record<string, unknown>;
  [symbol: symbol]: unknown;
}
interface Pino {
  (this: unknown, ...args: unknown[]): PinoLogger;
  readonly symbols?: { readonly [Name in "mixinSym" | "asJsonSym" | "chindingsSym"]?: symbol };
}

export function instrumentPino({ emits }: LogInstrumentation): void {
  const emit = emits ? createEmitLog("pino") : undefined;
  new Hook(["pino"], (exports) => wrapPino(exports as Pino, emit) as typeof exports);
}

/** Exported for its test. */
export function wrapPino(pino: Pino, emit: EmitLog | undefined): Pino {
  const { mixinSym, asJsonSym, chindingsSym } = pino.symbols ?? {};
  if (mixinSym === undefined || asJsonSym === undefined || chindingsSym === undefined) {
    log.warn("this version of pino is not known (8 and later are); its records have no request id");
    return pino;
  }
  function pinoWithRequestIds(this: unknown, ...args: unknown[]): PinoLogger {
    const logger = pino.apply(this, args);
    try {
      addMixin(logger, mixinSym as symbol, chindingsSym as symbol);
      if (emit !== undefined) watchRecords(logger, asJsonSym as symbol, emit);
    } catch (error) {
      log.warnSometimes("pino", `a logger of pino could not be given request ids (${String(error)})`);
    }
    return logger;
  }
  // `pino.destination`, `pino.transport`; and the function under its other names.
  const wrapped = Object.assign(pinoWithRequestIds, pino) as Pino & { default?: unknown; pino?: unknown };
  if (wrapped.default === pino) wrapped.default = wrapped;
  if (wrapped.pino === pino) wrapped.pino = wrapped;
  return wrapped;
}

function addMixin(logger: PinoLogger, mixinSym: symbol, chindingsSym: symbol): void {
  const own = logger[mixinSym] as Mixin | undefined;
  const mixin: Mixin = (merged, level, current) => {
    const theirs = own?.call(logger, merged, level, current);
    return { ...withoutBound(logFields(), (current ?? logger)[chindingsSym]), ...theirs };
  };
  logger[mixinSym] = mixin;
}

/** What a child logger is bound to is text already: `,"trace_id":"theirs"`. */
function withoutBound(fields: LogFields | undefined, bound: unknown): LogFields | undefined {
  if (fields === undefined || typeof bound !== "string" || !/"(request|trace|span)_id":/.test(bound)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !bound.includes(`"${key}":`)));
}

function watchRecords(logger: PinoLogger, asJsonSym: symbol, emit: EmitLog): void {
  const asJson = logger[asJsonSym] as AsJson;
  const asJsonAndEmit: AsJson = function asJsonAndEmit(object, message, level, time) {
    const line = asJson.call(this, object, message, level, time);
    emit({ level, message: message ?? "", time: Date.now(), fields: { ...this.bindings(), ...object } });
    return line;
  };
  logger[asJsonSym] = asJsonAndEmit;
}
