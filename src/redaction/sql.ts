// Replaces the literals of an SQL statement by `?`, in one pass from left to right, whatever the text is.
import type { SqlDialect } from "./sql-dialect.ts";

const LITERAL = "?";
/** 0x1F, 1.5, 12h30m; the sign of an exponent is looked for behind it. */
const NUMBER = /[\w.]+/y;
const SIGNED_EXPONENT = /(?<=e)[+-]\d[\w.]*/iy;
/** Cassandra's have no quotes. */
const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/iy;
/** `$1`, `?1`, `@p1`, `:name`; `:5` may be a value. */
const PARAMETER = /[$?]\d{1,5}(?![\w$])|@{1,2}[\w$]+|:[a-z_][\w$]*/iy;
const NUMBERED_PARAMETER = /:\d{1,5}(?!\w)/y;
const DOLLAR_QUOTE = /\$(?:[a-z_\u0080-\uffff][\w\u0080-\uffff]{0,62})?\$/iy;
/** N'', E'', X'', B'', R'', Oracle's q'[]', MySQL's _utf8'': part of the text behind them. */
const PREFIX = /^(?:[nexbrq]|nq|_\w+)$/i;
const COMMENT_MARK = /\/\*|\*\//g;
const CLOSING: Readonly<Record<string, string>> = { "[": "]", "(": ")", "{": "}", "<": ">" };

/** What a character begins, for the quick way past most of them. Beyond ASCII all are letters: no database has quotes there. */
const PLAIN = 0;
const LETTER = 1;
const DIGIT = 2;
const MARK = 3;
const KINDS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[a-z_]/i.test(char)) return LETTER;
  if (/\d/.test(char)) return DIGIT;
  return "'\"`[$?@:.-#/".includes(char) ? MARK : PLAIN;
});
const HYPHEN = 45;

/** Comments are left out. What may be a literal, in a dialect that is not known, counts as one. */
export function redactSql(sql: string, dialect: SqlDialect): string {
  let out = "";
  let copied = 0;
  let position = 0;
  while (position < sql.length) {
    const plain = plainEnd(sql, position);
    if (plain > 0) {
      position = plain;
      continue;
    }
    const comment = commentEnd(sql, position, dialect);
    const end = comment > 0 ? comment : literalEnd(sql, position, dialect);
    if (end === 0) {
      position = nextEnd(sql, position, dialect);
      continue;
    }
    out += sql.slice(copied, position) + (comment > 0 ? gap(sql, position, comment) : LITERAL);
    position = copied = end;
  }
  return copied === 0 ? sql : out + sql.slice(copied);
}

/** Most of a statement is words and blanks: where one ends that surely holds no literal; 0 when that takes a closer look. */
function plainEnd(sql: string, start: number): number {
  const kind = kindAt(sql, start);
  if (kind === PLAIN) return start + 1;
  if (kind !== LETTER || sql.charCodeAt(start + 8) === HYPHEN) return 0;
  const end = wordEnd(sql, start);
  return sql[end] === "'" ? 0 : end;
}

/** Where the comment that begins here ends; 0 when none does. */
function commentEnd(sql: string, start: number, { hashComments, nestedComments }: SqlDialect): number {
  switch (sql[start]) {
    case "-":
      if (sql[start + 1] !== "-") return 0;
      // MySQL reads 5--1 as 5 - -1.
      return hashComments === false || isBlank(sql[start + 2]) ? lineEnd(sql, start) : 0;
    case "#":
      return hashComments === true ? lineEnd(sql, start) : 0;
    case "/":
      return sql[start + 1] === "*" ? blockEnd(sql, start, nestedComments) : 0;
    default:
      return 0;
  }
}

function lineEnd(sql: string, start: number): number {
  const end = sql.indexOf("\n", start);
  return end < 0 ? sql.length : end;
}

function blockEnd(sql: string, start: number, isNested: boolean | undefined): number {
  COMMENT_MARK.lastIndex = start + 2;
  for (let depth = 1; ;) {
    const mark = COMMENT_MARK.exec(sql);
    if (mark === null) return sql.length;
    if (mark[0] === "*/") depth--;
    else if (isNested === true) depth++;
    else if (isNested === undefined) return sql.length;
    else COMMENT_MARK.lastIndex--;
    if (depth === 0) return COMMENT_MARK.lastIndex;
  }
}

/** Where the literal that begins here ends; 0 when none does. */
function literalEnd(sql: string, start: number, dialect: SqlDialect): number {
  const char = sql[start] as string;
  switch (char) {
    case "'":
      return textEnd(sql, start, dialect.backslashes);
    case '"':
    case "`":
    case "[": {
      const closing = nameClosing(char, dialect);
      if (closing === undefined) return char === '"' ? textEnd(sql, start, dialect.backslashes) : 0;
      // A name without an end is no name.
      return nameEnd(sql, start, closing) === 0 ? sql.length : 0;
    }
    case "$":
      return dollarEnd(sql, start);
    case ".":
      return kindAt(sql, start + 1) === DIGIT ? numberEnd(sql, start) : 0;
    case "-":
    case "#":
      // A comment for some, and an operator for others.
      return dialect.hashComments === undefined && (char === "#" || sql[start + 1] === "-") ? sql.length : 0;
    default:
      return wordLiteralEnd(sql, start, dialect);
  }
}

/** Of a number, of a UUID without quotes, of a text with a prefix. */
function wordLiteralEnd(sql: string, start: number, dialect: SqlDialect): number {
  const kind = kindAt(sql, start);
  if (kind !== DIGIT && kind !== LETTER) return 0;
  const uuid = sql.charCodeAt(start + 8) === HYPHEN ? matchEnd(UUID, sql, start) : 0;
  return uuid || (kind === DIGIT ? numberEnd(sql, start) : prefixedEnd(sql, start, dialect));
}

/** A doubled quote is one in the text. Without an end, the text is all that follows. */
function textEnd(sql: string, start: number, backslashes: boolean | undefined): number {
  const quote = sql[start] as string;
  // `'''it's'''` is one text for some.
  if (backslashes === undefined && sql.startsWith(quote.repeat(3), start)) return sql.length;
  for (let position = start + 1; position < sql.length; position++) {
    const char = sql[position];
    if (char === "\\" && backslashes === true) position++;
    else if (char === "\\" && backslashes === undefined && sql[position + 1] === quote) return sql.length;
    else if (char === quote) {
      if (sql[position + 1] !== quote) return position + 1;
      position++;
    }
  }
  return sql.length;
}

function dollarEnd(sql: string, start: number): number {
  const bodyStart = matchEnd(DOLLAR_QUOTE, sql, start);
  if (bodyStart === 0) return 0;
  const tag = sql.slice(start, bodyStart);
  const end = sql.indexOf(tag, bodyStart);
  return end < 0 ? sql.length : end + tag.length;
}

function numberEnd(sql: string, start: number): number {
  const end = matchEnd(NUMBER, sql, start);
  return matchEnd(SIGNED_EXPONENT, sql, end) || end;
}

function prefixedEnd(sql: string, start: number, { backslashes }: SqlDialect): number {
  const quoteAt = wordEnd(sql, start);
  if (sql[quoteAt] !== "'") return 0;
  const prefix = sql.slice(start, quoteAt).toLowerCase();
  if (!PREFIX.test(prefix)) return 0;
  if (prefix.endsWith("q")) {
    const opening = sql[quoteAt + 1] ?? "";
    const end = sql.indexOf(`${CLOSING[opening] ?? opening}'`, quoteAt + 2);
    return end < 0 ? sql.length : end + 2;
  }
  return textEnd(sql, quoteAt, prefix === "e" ? true : backslashes);
}

/** Where the word, name, parameter or other character that begins here, and stays, ends. */
function nextEnd(sql: string, start: number, dialect: SqlDialect): number {
  const char = sql[start] as string;
  if (kindAt(sql, start) === LETTER) return wordEnd(sql, start);
  const closing = nameClosing(char, dialect);
  if (closing !== undefined) return nameEnd(sql, start, closing);
  if (!"$?@:".includes(char)) return start + 1;
  const numbered = dialect.numberedColons ? matchEnd(NUMBERED_PARAMETER, sql, start) : 0;
  return numbered || matchEnd(PARAMETER, sql, start) || start + 1;
}

function nameClosing(char: string, { quotedNames, bracketNames }: SqlDialect): string | undefined {
  if (char === "`") return char;
  if (char === '"') return quotedNames ? char : undefined;
  return char === "[" && bracketNames ? "]" : undefined;
}

/** 0 when there is no end. */
function nameEnd(sql: string, start: number, closing: string): number {
  let end = sql.indexOf(closing, start + 1);
  while (end >= 0 && sql[end + 1] === closing) end = sql.indexOf(closing, end + 2);
  return end + 1;
}

function gap(sql: string, start: number, end: number): string {
  return isBlank(sql[start - 1]) || isBlank(sql[end]) ? "" : " ";
}

/** 0 when it does not match here. */
function matchEnd(pattern: RegExp, sql: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(sql) ? pattern.lastIndex : 0;
}

function isBlank(char: string | undefined): boolean {
  return char === undefined || /\s/.test(char);
}

function kindAt(sql: string, position: number): number {
  const code = sql.charCodeAt(position);
  // NaN behind the end is no letter.
  return code >= 128 ? LETTER : (KINDS[code] ?? PLAIN);
}

function wordEnd(sql: string, start: number): number {
  let end = start;
  for (let kind = LETTER; kind === LETTER || kind === DIGIT || sql[end] === "$"; kind = kindAt(sql, end)) end++;
  return end;
}
