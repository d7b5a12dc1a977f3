// Takes the literals out of a database's statement, whatever the database is.
// https://opentelemetry.io/docs/specs/semconv/db/database-spans/#sanitization-of-dbquerytext
import { redactJson } from "./json.ts";
import { dialectOf } from "./sql-dialect.ts";
import { redactSql } from "./sql.ts";

/** Their arguments are all data, in no quotes. */
const COMMAND_SYSTEMS: ReadonlySet<unknown> = new Set(["redis", "valkey", "keydb", "memcached"]);
const COMMAND = /^\s*([a-z][\w.-]{0,31})(?!\S)/i;

/** `system`: the value of `db.system.name` or `db.system`, if there is one. */
export function redactDbStatement(text: string, system: unknown): string {
  if (COMMAND_SYSTEMS.has(system)) return redactCommand(text);
  const dialect = dialectOf(system);
  const first = /\S/.exec(text)?.[0];
  // SQL Server's statements may begin with a name in brackets.
  const isJson = first === "{" || (first === "[" && !dialect.bracketNames);
  return isJson ? redactJson(text) : redactSql(text, dialect);
}

/** `SET key value` -> `SET ?` */
function redactCommand(text: string): string {
  const command = COMMAND.exec(text)?.[1];
  if (command === undefined) return text.trim() === "" ? text : "?";
  return text.trim() === command ? text : `${command} ?`;
}
