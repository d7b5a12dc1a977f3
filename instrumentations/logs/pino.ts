// pino 8 and later: every record of every logger, child or not, becomes text in one method of their common prototype.
import { log } from "../../src/diagnostics/log.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type EmitLog, createEmitLog } from "./emit.ts";
import { type LogFields, logFields } from "./fields.ts";

type AsJson = (this: PinoLogger, object: object, message: unknown, level: number, time: string) => string;

interface PinoLogger {
  bindings(): Record<string, unknown>;
  readonly [symbol: symbol]: unknown;
}

export function instrumentPino({
  logs: { correlated, emits },
  modules,
}: Pick<InstrumentationHost, "logs" | "modules">): void {
  if (!correlated.includes("pino")) return;
  const emit = emits ? createEmitLog("pino") : undefined;
  modules.watch("pino", (exports, { file }) => {
    return file === "lib/proto.js" ? watchLoggers(exports as () => PinoLogger, emit) : undefined;
  });
}

/** `createLogger` makes the object that pino builds each logger on. Exported for its test. */
export function watchLoggers(createLogger: () => PinoLogger, emit: EmitLog | undefined): () => PinoLogger {
  let isWatched = false;
  return function createWatchedLogger() {
    const logger = createLogger();
    if (!isWatched) {
      isWatched = true;
      watchPrototype(Object.getPrototypeOf(logger) as Record<symbol, unknown>, emit);
    }
    return logger;
  };
}

function watchPrototype(prototype: Record<symbol, unknown>, emit: EmitLog | undefined): void {
  const symbols = Object.getOwnPropertySymbols(prototype);
  const asJsonSymbol = symbols.find(({ description }) => description === "pino.asJson");
  const asJson = asJsonSymbol === undefined ? undefined : prototype[asJsonSymbol];
  if (asJsonSymbol === undefined || typeof asJson !== "function") {
    log.warn("this version of pino is not known (8 and later are); its records have no request id");
    return;
  }
  let boundSymbol: symbol | undefined;
  const asJsonWithRequestId: AsJson = function asJsonWithRequestId(object, message, level, time) {
    // Each copy of pino has symbols of its own; a logger has this one as soon as it is bound to anything.
    boundSymbol ??= Object.getOwnPropertySymbols(this).find(({ description }) => description === "pino.chindings");
    const fields = withoutBound(logFields(), boundSymbol === undefined ? undefined : this[boundSymbol]);
    const record = fields === undefined ? object : { ...fields, ...object };
    const line = Reflect.apply(asJson, this, [record, message, level, time]) as string;
    emit?.({ level, message: message ?? "", time: Date.now(), fields: { ...this.bindings(), ...record } });
    return line;
  };
  prototype[asJsonSymbol] = asJsonWithRequestId;
}

/** What a child logger is bound to is text already, `,"trace_id":"theirs"`, and JSON must not have a key twice. */
function withoutBound(fields: LogFields | undefined, bound: unknown): LogFields | undefined {
  if (fields === undefined || typeof bound !== "string" || !/"(request|trace|span)_id":/.test(bound)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !bound.includes(`"${key}":`)));
}
