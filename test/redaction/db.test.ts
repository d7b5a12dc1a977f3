import assert from "node:assert/strict";
import test from "node:test";
import { redactDbStatement } from "../../src/redaction/db.ts";

/** What one system's statement becomes. */
const rows: readonly (readonly [system: string | undefined, statement: string, expected: string])[] = [
  // Literals of all.
  ["postgresql", "", ""],
  ["postgresql", "SELECT a FROM t1 WHERE b = 'x'", "SELECT a FROM t1 WHERE b = ?"],
  ["postgresql", "VALUES ('it''s', '', 1, -2.5, .5, 1e-7, 0xAF, 1_000)", "VALUES (?, ?, ?, -?, ?, ?, ?, ?)"],
  ["postgresql", "SELECT NULL, TRUE, col_1, t2.c3", "SELECT NULL, TRUE, col_1, t2.c3"],
  ["postgresql", "SELECT 'cut off by a lim", "SELECT ?"],
  ["postgresql", "SELECT N'a', X'ff', B'01', IN'a'", "SELECT ?, ?, ?, IN?"],
  ["postgresql", "WHERE naïve = 'é' AND 表 = 1", "WHERE naïve = ? AND 表 = ?"],
  // Placeholders stay.
  ["postgresql", "WHERE a = $1 AND b = $12::int AND c = $3", "WHERE a = $1 AND b = $12::int AND c = $3"],
  ["mysql", "WHERE a = ? AND b IN (?, ?)", "WHERE a = ? AND b IN (?, ?)"],
  ["oracle.db", "WHERE a = :name AND b = :1", "WHERE a = :name AND b = :1"],
  ["mssql", "WHERE a = @p1 AND b = @@ROWCOUNT", "WHERE a = @p1 AND b = @@ROWCOUNT"],
  ["sqlite", "WHERE a = ?1", "WHERE a = ?1"],
  // Comments are left out, and what stands in them.
  ["postgresql", "SELECT 1 -- it's\nFROM t", "SELECT ? \nFROM t"],
  ["postgresql", "SELECT/* 's3cret' */a/* x */", "SELECT a"],
  ["postgresql", "/* a /* nested */ ' */ SELECT 's3cret'", " SELECT ?"],
  ["oracle.db", "/* a /* not nested */ SELECT 's3cret'", " SELECT ?"],
  ["mysql", "SELECT a # it's\n, 'b'", "SELECT a \n, ?"],
  ["mysql", "SELECT 5--1, 'a'", "SELECT ?--?, ?"],
  ["mysql", "SELECT 1 /* without an end", "SELECT ? "],
  // Double quotes: a text, or a name.
  ["mysql", 'SELECT "s3cret"', "SELECT ?"],
  ["mariadb", 'SELECT "s3""cret"', "SELECT ?"],
  [
    "postgresql",
    'SELECT "Name", "it\'s" FROM "T""x" WHERE a = \'b\'',
    'SELECT "Name", "it\'s" FROM "T""x" WHERE a = ?',
  ],
  ["postgresql", 'SELECT "cut off', "SELECT ?"],
  [undefined, 'SELECT "s3cret"', "SELECT ?"],
  // Other quotes around names.
  ["mysql", "SELECT `it's` FROM `a``b` WHERE c = 'd'", "SELECT `it's` FROM `a``b` WHERE c = ?"],
  ["mssql", "SELECT [it's] FROM [a]]b] WHERE c = 'd'", "SELECT [it's] FROM [a]]b] WHERE c = ?"],
  ["postgresql", "SELECT a[1]", "SELECT a[?]"],
  // Backslashes.
  ["mysql", "SELECT 'it\\'s s3cret', 'b'", "SELECT ?, ?"],
  ["postgresql", "SELECT 'C:\\', 's3cret'", "SELECT ?, ?"],
  ["postgresql", "SELECT E'it\\'s s3cret', 'b'", "SELECT ?, ?"],
  ["clickhouse", "SELECT \"a\" WHERE b = 'it\\'s s3cret'", 'SELECT "a" WHERE b = ?'],
  ["redshift", "SELECT 'it\\'s s3cret', 'b'", "SELECT ?"],
  // Texts in other ways.
  ["postgresql", "SELECT $$it's$$, $tag$ $$s3cret$$ $tag$, a$b$c", "SELECT ?, ?, a$b$c"],
  ["oracle.db", "SELECT q'[it's s3cret]', nq'!it's!' FROM dual", "SELECT ?, ? FROM dual"],
  ["mysql", "SELECT _utf8'abc'", "SELECT ?"],
  [
    "cassandra",
    "WHERE id = 550e8400-e29b-41d4-a716-446655440000 AND t = e50e8400-e29b-41d4-a716-446655440000",
    "WHERE id = ? AND t = ?",
  ],
  // What one cannot know: the rest counts as a literal.
  [undefined, "SELECT 'it\\'s s3cret', 'b'", "SELECT ?"],
  [undefined, "SELECT '''it's s3cret'''", "SELECT ?"],
  [undefined, "SELECT a # it's\n WHERE b = 's3cret'", "SELECT a ?"],
  [undefined, "SELECT a -- it's\n WHERE b = 's3cret'", "SELECT a \n WHERE b = ?"],
  ["neo4j", 'MATCH (n {ssn:123, name:"x"})', "MATCH (n {ssn:?, name:?})"],
  // JSON.
  [
    "mongodb",
    '{"find":"users","filter":{"a":"b\\"c","n":-5.2e7,"ok":true,"no":null},"l":[1,"b"]}',
    '{"find":"?","filter":{"a":"?","n":"?","ok":true,"no":null},"l":["?","?"]}',
  ],
  ["mongodb", " { name: 'x', id: ObjectId('1') }", ' { name: "?", id: ObjectId("?") }'],
  ["elasticsearch", '{"index":{}}\n{"a" : "cut o', '{"index":{}}\n{"a" : "?"'],
  ["mongodb", '[{"$match":{"a":1}}]', '[{"$match":{"a":"?"}}]'],
  ["mssql", "[dbo].[p] 's3cret'", "[dbo].[p] ?"],
  // Commands.
  ["redis", "SET key s3cret", "SET ?"],
  ["redis", "SET key some\ns3cret text", "SET ?"],
  ["valkey", " json.get a", "json.get ?"],
  ["redis", "PING", "PING"],
  ["redis", '"s3cret"', "?"],
  ["redis", `${"s".repeat(33)} a`, "?"],
  ["memcached", "get a b", "get ?"],
];
for (const [system, statement, expected] of rows) {
  test(`redactDbStatement(${JSON.stringify(statement)}) of ${system ?? "no system"} is ${JSON.stringify(expected)}`, () => {
    assert.equal(redactDbStatement(statement, system), expected);
    assert.equal(redactDbStatement(expected, system), expected);
  });
}
