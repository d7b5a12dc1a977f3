// Where databases read the same SQL text differently, in what decides where a literal begins and ends.

/** `undefined`: not known. Where the answer would matter, the rest of a statement counts as a literal. */
type Answer = boolean | undefined;

export interface SqlDialect {
  /** `"x"` is a name, and no text. */
  readonly quotedNames: boolean;
  /** `[x]` is a name. */
  readonly bracketNames: boolean;
  /** `\'` in a text is a quote. */
  readonly backslashes: Answer;
  /** `#` begins a comment, and `--` only with a space behind it. */
  readonly hashComments: Answer;
  /** A comment may hold another. */
  readonly nestedComments: Answer;
  /** `:1` is a placeholder. */
  readonly numberedColons: boolean;
}

const standard: SqlDialect = {
  quotedNames: true,
  bracketNames: false,
  backslashes: false,
  hashComments: false,
  nestedComments: false,
  numberedColons: false,
};
const mysql: SqlDialect = { ...standard, quotedNames: false, backslashes: true, hashComments: true };
const postgresql: SqlDialect = { ...standard, nestedComments: true };
const sqlServer: SqlDialect = { ...standard, bracketNames: true, nestedComments: true };
const oracle: SqlDialect = { ...standard, numberedColons: true };
const sqlite: SqlDialect = { ...standard, bracketNames: true };
/** Names in double quotes, texts with backslashes. */
const backslashed: SqlDialect = { ...standard, backslashes: true, nestedComments: undefined };
const unsure: SqlDialect = { ...standard, backslashes: undefined, nestedComments: undefined };
const unknown: SqlDialect = { ...unsure, quotedNames: false, hashComments: undefined };

/** By `db.system.name`, and by what `db.system` was before. */
const DIALECTS: ReadonlyMap<unknown, SqlDialect> = new Map([
  ["mysql", mysql],
  ["mariadb", mysql],
  ["postgresql", postgresql],
  ["cockroachdb", postgresql],
  ["microsoft.sql_server", sqlServer],
  ["mssql", sqlServer],
  ["oracle.db", oracle],
  ["oracle", oracle],
  ["sqlite", sqlite],
  ["ibm.db2", standard],
  ["db2", standard],
  ["h2database", standard],
  ["h2", standard],
  ["hsqldb", standard],
  ["derby", standard],
  ["firebirdsql", standard],
  ["firebird", standard],
  ["cassandra", standard],
  ["trino", standard],
  ["clickhouse", backslashed],
  ["snowflake", backslashed],
  ["aws.redshift", unsure],
  ["redshift", unsure],
  ["sap.hana", unsure],
  ["hanadb", unsure],
  ["teradata", unsure],
  ["ibm.netezza", unsure],
  ["netezza", unsure],
  ["vertica", unsure],
]);

export function dialectOf(system: unknown): SqlDialect {
  return DIALECTS.get(system) ?? unknown;
}
