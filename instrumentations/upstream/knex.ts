// Knex stands above drivers that have spans of their own; its spans are for those that have none.
import type { Attributes } from "@opentelemetry/api";
import { finishDatabaseSpan } from "./database.ts";
import type { EndingSpan } from "./spans.ts";

/** What upstream makes of Knex's names for drivers, and what each is. */
const DRIVERS: ReadonlyMap<unknown, { readonly row?: string; readonly system: string }> = new Map([
  ["postgresql", { row: "pg", system: "postgresql" }],
  ["pgnative", { row: "pg", system: "postgresql" }],
  ["mysql", { row: "mysql", system: "mysql" }],
  ["mysql2", { row: "mysql2", system: "mysql" }],
  ["mssql", { row: "tedious", system: "microsoft.sql_server" }],
  ["oracledb", { row: "oracledb", system: "oracle.db" }],
  ["sqlite", { system: "sqlite" }],
  ["better-sqlite3", { system: "sqlite" }],
]);

export function isSeenByDriver(attributes: Attributes, isOn: (instrumentation: string) => boolean): boolean {
  const row = DRIVERS.get(attributes["db.system.name"])?.row;
  return row !== undefined && isOn(row);
}

export function finishKnexSpan(span: EndingSpan): void {
  const system = DRIVERS.get(span.attributes["db.system.name"])?.system;
  if (system !== undefined) span.setAttribute("db.system.name", system);
  finishDatabaseSpan(span);
}
