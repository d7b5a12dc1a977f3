// Texts put together at random: nothing throws, a marked secret never stays, what is redacted stays as it is, and a megabyte ends.
import assert from "node:assert/strict";
import test from "node:test";
import { redactDbStatement } from "../../src/redaction/db.ts";
import { createRedactor } from "../../src/redaction/redactor.ts";
import { redactQueriesIn } from "../../src/redaction/text.ts";
import { redactQuery } from "../../src/redaction/urls.ts";
import { createRandom } from "../support/random.ts";

const SECRET = "s3cr3tM4rk";
const SYSTEMS = [
  "postgresql",
  "mysql",
  "mssql",
  "oracle.db",
  "sqlite",
  "clickhouse",
  "redshift",
  "redis",
  "mongodb",
  undefined,
];

const FRAGMENTS =
  `' '' " \` [ ] $ $$ $a$ -- # /* */ \\ \\' \\" ? $1 :a @p 1 1.5 0x1 1e -7 { } : , ( ) E' N' q'[ ]' a b1 é _ - . ; = && AND
  :// http:// u:p@ @ / ?token= &sig= % %41 true null 550e8400-e29b-41d4-a716-446655440000`.split(/\s+/);

function randomText(random: (below: number) => number, length: number): string {
  let text = "";
  for (let index = 0; index < length; index++) {
    text += FRAGMENTS[random(FRAGMENTS.length)];
    if (random(3) === 0) text += random(4) === 0 ? "\n" : " ";
  }
  return text;
}

test("No text makes a redactor throw, and what it has taken out of a message it does not look for again", () => {
  const random = createRandom(1);
  const redactor = createRedactor();
  for (let round = 0; round < 20_000; round++) {
    const text = randomText(random, 1 + random(30));
    const system = SYSTEMS[random(SYSTEMS.length)];
    redactDbStatement(text, system);
    redactor.url(text);
    redactQueriesIn(redactQuery(text));
    const once = redactor.text(text);
    assert.equal(redactor.text(once), once, JSON.stringify(text));
  }
});

/** Literals of a dialect, with the secret somewhere in them. */
const LITERALS: readonly (readonly [systems: readonly (string | undefined)[], literal: string])[] = [
  [SYSTEMS, `'${SECRET}'`],
  [SYSTEMS, `'a''${SECRET}''b'`],
  [SYSTEMS, `'-- ${SECRET}'`],
  [SYSTEMS, `'/* ${SECRET}'`],
  [SYSTEMS, `'"${SECRET}'`],
  [SYSTEMS, `12${SECRET}`],
  [SYSTEMS, `/* ${SECRET} */`],
  [SYSTEMS, `-- ${SECRET}\n`],
  [SYSTEMS, `-- it's ${SECRET}\n`],
  [["mysql", undefined, "mongodb"], `"${SECRET}"`],
  [["mysql", "clickhouse", undefined, "redshift"], `'a\\'${SECRET}'`],
  [["postgresql", "mssql", "oracle.db", "sqlite"], `'\\', '${SECRET}'`],
  [["mysql", undefined], `# it's ${SECRET}\n`],
  [["postgresql", "redshift", undefined], `$a$ '${SECRET} $a$`],
  [["postgresql"], `E'\\'${SECRET}'`],
  [["oracle.db"], `q'[a'${SECRET}]'`],
];
const NAMES: Readonly<Record<string, string>> = {
  postgresql: '"it\'s"',
  mysql: "`it's`",
  mssql: "[it's]",
  sqlite: "[it's]",
};

test("No literal of a statement stays, whatever stands before and behind it", () => {
  const random = createRandom(2);
  for (let round = 0; round < 20_000; round++) {
    const system = SYSTEMS[random(SYSTEMS.length)];
    const literals = LITERALS.filter(([systems]) => systems.includes(system)).map(([, literal]) => literal);
    const others = ["a", "t.b1", "= $1", "AND", "(", ")", "'x'", "''", "5", NAMES[system ?? ""] ?? "a", "/* ' */"];
    let statement = "SELECT";
    for (let index = random(6); index >= 0; index--) statement += ` ${others[random(others.length)]}`;
    statement += ` ${literals[random(literals.length)]}`;
    for (let index = random(4); index >= 0; index--) statement += ` ${others[random(others.length)]}`;
    const redacted = redactDbStatement(statement, system);
    assert.ok(!redacted.includes(SECRET), `${system}: ${statement} -> ${redacted}`);
    // A limit of length may have cut it anywhere.
    const cut = statement.slice(0, statement.indexOf(SECRET) + SECRET.length);
    assert.ok(!redactDbStatement(cut, system).includes(SECRET), `${system}: ${cut}`);
  }
});

test("No credentials and no secret of a query stay in a text, whatever stands around the URL", () => {
  const random = createRandom(3);
  const redactor = createRedactor();
  const around = ["", "a", "(", "'", '"', " ", "at ", "\n", "<", "http://h:80/", "x://", "é", "://", "@ "];
  const piece = (): string => around[random(around.length)] as string;
  for (let round = 0; round < 20_000; round++) {
    const scheme = ["https", "postgres", "redis", "mongodb+srv"][random(4)];
    const user = random(2) === 0 ? `u:${SECRET}@` : "";
    const url = `${scheme}://${user}h${random(2) === 0 ? ":80" : ""}/p?a=1&token=${SECRET}&b=2`;
    const text = `${piece()}${piece()} ${url} ${piece()}${piece()}`;
    const redacted = redactor.text(text);
    assert.ok(!redacted.includes(SECRET), `${text} -> ${redacted}`);
    assert.ok(!redactor.url(url).includes(SECRET), url);
    assert.ok(redacted.includes("a=1") && redacted.includes("b=2"), redacted);
  }
});

test("A megabyte of anything ends", { timeout: 120_000 }, () => {
  const redactor = createRedactor();
  for (const fragment of FRAGMENTS) {
    const text = fragment.repeat(Math.ceil(1_048_576 / fragment.length));
    for (const system of ["mysql", "postgresql", undefined]) redactDbStatement(text, system);
    redactDbStatement(`{${text}`, "mongodb");
    redactor.url(text);
    redactQueriesIn(redactQuery(text));
    redactor.text(text);
  }
});
