// bunyan 1 and 2: every record goes through one method of the logger's class.
import { Hook } from "require-in-the-middle";
import { log } from "../../src/diagnostics/log.ts";
import { createEmitLog } from "./emit.ts";
import { logFields } from "./fields.ts";
import type { LogInstrumentation } from "./log-instrumentation.ts";

type Emit = (this: unknown, record: Record<string, unknown>, isFormattedOnly?: boolean) => unknown;

export function instrumentBunyan({ emits }: LogInstrumentation): void {
  const emitLog = emits ? createEmitLog("bunyan") : undefined;
  new Hook(["bunyan"], (exports) => {
    const { prototype } = exports as { prototype?: { _emit?: Emit } };
    const emit = prototype?._emit;
    if (prototype === undefined || typeof emit !== "function") {
      log.warn("this version of bunyan is not known; its records have no request id");
      return exports;
    }
    prototype._emit = function emitWithRequestId(record, isFormattedOnly) {
      for (const [key, value] of Object.entries(logFields() ?? {})) record[key] ??= value;
      if (emitLog !== undefined && isFormattedOnly !== true) {
        const { level, msg, time, v: _, ...fields } = record;
        emitLog({ level: Number(level), message: msg, time: Number(time), fields });
      }
      return emit.call(this, record, isFormattedOnly);
    };
    return exports;
  });
}
