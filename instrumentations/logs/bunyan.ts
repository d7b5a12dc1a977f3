// bunyan 1 and 2: every record goes through one method of the logger's class.
import { log } from "../../src/diagnostics/log.ts";
import type { InstrumentationHost } from "../instrumentation.ts";
import { type EmitLog, createEmitLog } from "./emit.ts";
import { logFields } from "./fields.ts";

type Emit = (this: unknown, record: Record<string, unknown>, isFormattedOnly?: boolean) => unknown;
interface LoggerPrototype {
  _emit?: Emit & { [WATCHED]?: true };
}

const WATCHED: unique symbol = Symbol("redtrail.watched");

export function instrumentBunyan({
  logs: { correlated, emits },
  modules,
}: Pick<InstrumentationHost, "logs" | "modules">): void {
  if (!correlated.includes("bunyan")) return;
  const emitLog = emits ? createEmitLog("bunyan") : undefined;
  modules.watch("bunyan", (exports, { file }) => {
    if (file !== "") return;
    // For an ES module the class is the default of what it imports.
    const { prototype } = ((exports as { default?: unknown }).default ?? exports) as { prototype?: LoggerPrototype };
    if (prototype !== undefined) watchRecords(prototype, emitLog);
  });
}

function watchRecords(prototype: LoggerPrototype, emitLog: EmitLog | undefined): void {
  const emit = prototype._emit;
  if (emit?.[WATCHED] === true) return;
  if (typeof emit !== "function") {
    log.warnSometimes("bunyan", "this version of bunyan is not known; its records have no request id");
    return;
  }
  const emitWithRequestId: Emit & { [WATCHED]?: true } = function emitWithRequestId(record, isFormattedOnly) {
    for (const [key, value] of Object.entries(logFields() ?? {})) record[key] ??= value;
    if (emitLog !== undefined && isFormattedOnly !== true) {
      const { level, msg, time, v: _, ...fields } = record;
      emitLog({ level: Number(level), message: msg, time: Number(time), fields });
    }
    return emit.call(this, record, isFormattedOnly);
  };
  emitWithRequestId[WATCHED] = true;
  prototype._emit = emitWithRequestId;
}
