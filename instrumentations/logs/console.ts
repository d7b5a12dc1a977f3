// Lines of JSON that an app writes with console.log by itself. Off unless asked for: it changes what the app prints.
import type { InstrumentationHost } from "../instrumentation.ts";
import { type LogFields, logFields } from "./fields.ts";

const METHODS = ["log", "info", "warn", "error", "debug"] as const;

export function instrumentConsole({ logs }: Pick<InstrumentationHost, "logs">): void {
  if (!logs.correlated.includes("console")) return;
  for (const method of METHODS) {
    const write = console[method];
    console[method] = function writeWithRequestId(this: unknown, ...args: unknown[]): void {
      const fields = args.length === 1 ? logFields() : undefined;
      write.apply(this, fields === undefined ? args : [withFields(args[0], fields)]);
    };
  }
}

/** The same line with the fields at its end, when it is a JSON object; else what it was. The app's own fields win. */
export function withFields(line: unknown, fields: LogFields): unknown {
  if (typeof line !== "string" || !line.startsWith("{") || !line.endsWith("}")) return line;
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const missing = Object.entries(fields).filter(([key]) => !(key in record));
  if (missing.length === 0) return line;
  const added = JSON.stringify(Object.fromEntries(missing)).slice(1);
  return Object.keys(record).length === 0 ? `{${added}` : `${line.slice(0, -1)},${added}`;
}
