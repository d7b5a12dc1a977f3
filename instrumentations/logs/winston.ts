// winston 3: every record goes through one method of the logger's class, those of child loggers and of `winston.info` too.
import { type EmitLog, createEmitLog } from "./emit.ts";
import { logFields } from "./fields.ts";
import type { InstrumentationHost } from "../instrumentation.ts";

type Write = (this: unknown, info: unknown, ...rest: unknown[]) => unknown;
interface LoggerClass {
  readonly prototype: { write: Write };
}

export function instrumentWinston({
  logs: { correlated, emits },
  modules,
}: Pick<InstrumentationHost, "logs" | "modules">): void {
  if (!correlated.includes("winston")) return;
  const emit = emits ? createEmitLog("winston") : undefined;
  modules.watch("winston", (exports, { file }) => {
    if (file === "lib/winston/logger.js") watchWrites(exports as LoggerClass, emit);
  });
}

function watchWrites({ prototype }: LoggerClass, emit: EmitLog | undefined): void {
  const { write } = prototype;
  prototype.write = function writeWithRequestId(info, ...rest) {
    const record = withFields(info);
    if (emit !== undefined && isRecord(record)) emitRecord(record, emit);
    return write.call(this, record, ...rest);
  };
}

/** A copy, symbols included; what is no plain object is left as it is. The app's own fields win. */
function withFields(info: unknown): unknown {
  const fields = logFields();
  if (fields === undefined || !isRecord(info)) return info;
  const prototype: unknown = Object.getPrototypeOf(info);
  return prototype === Object.prototype || prototype === null ? { ...fields, ...info } : info;
}

function isRecord(info: unknown): info is Record<string, unknown> {
  return typeof info === "object" && info !== null;
}

function emitRecord(record: Record<string, unknown>, emit: EmitLog): void {
  const { level, message, ...fields } = record;
  emit({ level: String(level), message, time: Date.now(), fields });
}
