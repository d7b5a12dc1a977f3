// Database spans by the conventions, whichever driver's instrumentation has made them: name, operation, kind of error.
// https://opentelemetry.io/docs/specs/semconv/db/database-spans/
import { SpanStatusCode } from "@opentelemetry/api";
import type { EndingSpan } from "./spans.ts";

/** Before the first word: blanks, comments, brackets. */
const FIRST_WORD = /^(?:[\s(;]|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*([A-Za-z]{2,20})(?![\w.])/;
/** As far as it is looked for. */
const MAX_LEAD = 2_000;

/** The statement's first word, in upper case; undefined where it has none. */
export function operationOf(statement: string): string | undefined {
  return FIRST_WORD.exec(statement.slice(0, MAX_LEAD))?.[1]?.toUpperCase();
}

/** In their errors' messages, what the conventions call `db.response.status_code`; no message is read further than its first line. */
const ERROR_CODES: Readonly<Record<string, RegExp>> = {
  // Upstream keeps PostgreSQL's own text back: "... occurred (code: 42P01)".
  postgresql: /\(code: (?!UNKNOWN)(\w{5,20})\)$/m,
  // ER_NO_SUCH_TABLE: Table ...
  mysql: /^(ER_[A-Z\d_]{3,60}):/,
  // E11000 duplicate key ...
  mongodb: /^E(\d{3,6}) /,
  // WRONGTYPE Operation against ...
  redis: /^([A-Z]{2,20}) /,
};
/** `connect ECONNREFUSED 127.0.0.1:5432`: Node's own. */
const SYSTEM_ERROR = /\b(E[A-Z]{4,15})\b/;

export function finishDatabaseSpan(span: EndingSpan): void {
  const { attributes } = span;
  const system = attributes["db.system.name"];
  if (typeof system !== "string") return;
  const operation = operationName(system, attributes["db.operation.name"], attributes["db.query.text"]);
  if (operation !== undefined) span.setAttribute("db.operation.name", operation);
  span.updateName(spanName(system, operation, attributes["db.collection.name"] ?? attributes["db.namespace"]));
  if (span.status.code === SpanStatusCode.ERROR && attributes["error.type"] === undefined) nameError(span, system);
}

/** What the instrumentation says, if it is an operation and not a method of the driver (`execSql`, `raw`); else what the statement says. */
function operationName(system: string, given: unknown, statement: unknown): string | undefined {
  if (system === "redis" && typeof given === "string") return redisOperation(given, statement);
  if (typeof given === "string" && /^[A-Z][A-Z ]*$/.test(given)) return given;
  const read = typeof statement === "string" ? operationOf(statement) : undefined;
  return read ?? (typeof given === "string" ? given : undefined);
}

/** Commands are written in any case; node-redis names all those of a transaction `MULTI`. */
function redisOperation(given: string, statement: unknown): string {
  const operation = given.toUpperCase();
  if ((operation !== "MULTI" && operation !== "PIPELINE") || typeof statement !== "string") return operation;
  const command = statement.split(" ", 1)[0]?.toUpperCase() ?? "";
  return command === operation ? operation : `${operation} ${command}`;
}

function spanName(system: string, operation: string | undefined, target: unknown): string {
  const where = typeof target === "string" && target !== "" ? target : undefined;
  if (operation === undefined) return where ?? system;
  return where === undefined ? operation : `${operation} ${where}`;
}

function nameError(span: EndingSpan, system: string): void {
  const recorded = span.events.findLast(
    ({ attributes }) => attributes?.["exception.message"] !== undefined,
  )?.attributes;
  const message = String(recorded?.["exception.message"] ?? span.status.message ?? "").slice(0, 200);
  const given = span.attributes["db.response.status_code"] ?? numberOf(recorded?.["exception.type"]);
  const code = given === undefined ? ERROR_CODES[system]?.exec(message)?.[1] : String(given);
  if (code !== undefined) span.setAttribute("db.response.status_code", code);
  const type = code ?? SYSTEM_ERROR.exec(message)?.[1];
  if (type !== undefined) span.setAttribute("error.type", type);
}

/** The SDK takes an error's code for its type; Cassandra's are numbers. */
function numberOf(type: unknown): unknown {
  return typeof type === "string" && /^\d+$/.test(type) ? type : undefined;
}
