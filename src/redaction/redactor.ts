// The one stage that takes secrets out of what leaves the process: span attributes, messages, and the request log's fields.
import type { AttributeValue, Attributes } from "@opentelemetry/api";
import { redactDbStatement } from "./db.ts";
import { type AttributeContent, createKeyClassifier } from "./keys.ts";
import { redactCredentialsIn, redactQueriesIn, redactQueriesInside } from "./text.ts";
import { REDACTED, redactPath, redactQuery } from "./urls.ts";

export type RedactionRule = "query" | "credentials" | "header" | "db" | "key" | "pattern";

export interface RedactorOptions {
  /** Whether literals of database statements are replaced. @default true */
  readonly dbQueries?: boolean;
  /** Attribute keys whose values are secrets, `*` for any characters. @default none */
  readonly keys?: readonly string[];
  /** Replaces what custom patterns match. @default none */
  readonly replacePatterns?: (text: string) => string;
}

/** What holds no secret comes back as it is. */
export interface Redactor {
  /** A URL, or a path with its query. */
  url(url: string): string;
  /** Text of any kind: a message, a stack trace, a user agent. */
  text(text: string): string;
  /** All values, in place, each by what its key says it is. Throws only if the object cannot be changed. */
  attributes(attributes: Attributes): void;
  /** How many values were changed since the start, by the rule that did it. */
  readonly counts: Readonly<Record<RedactionRule, number>>;
}

/** `attributes`: what stands beside it, and may name the database. */
type Change = (value: AttributeValue, key: string, attributes: Attributes) => AttributeValue;

/** Keys are few and short, unless an app makes them up: longer ones are not remembered, and of more than so many none. */
const MAX_KEYS = 2_000;
const MAX_KEY_LENGTH = 256;

export function createRedactor({ dbQueries = true, keys = [], replacePatterns }: RedactorOptions = {}): Redactor {
  const counts = { query: 0, credentials: 0, header: 0, db: 0, key: 0, pattern: 0 };
  /** Then what is of no known kind is not looked at, unless it holds more. */
  const isQuick = replacePatterns === undefined;
  const classify = createKeyClassifier(keys);
  const changes = new Map<string, Change>();

  const counted = (rule: RedactionRule, before: string, after: string): string => {
    if (after !== before) counts[rule]++;
    return after;
  };
  const patterns = (text: string): string =>
    replacePatterns === undefined ? text : counted("pattern", text, replacePatterns(text));
  const rest = (text: string): string => patterns(counted("credentials", text, redactCredentialsIn(text)));

  const text = (value: string): string => rest(counted("query", value, redactQueriesIn(value)));
  const url = (value: string): string => rest(counted("query", value, redactQueriesInside(redactPath(value))));
  const query = (value: string): string => rest(counted("query", value, redactQueriesIn(redactQuery(value))));
  const statement = (value: string, system: unknown): string =>
    patterns(counted("db", value, redactDbStatement(value, system)));

  const secret =
    (rule: RedactionRule): Change =>
    (value) => {
      counts[rule]++;
      return Array.isArray(value) ? [REDACTED] : REDACTED;
    };
  const other: Change = (value, key) => eachText(value, key, patterns);
  const changeOf: Record<AttributeContent, Change> = {
    url: (value, key) => eachText(value, key, url),
    query: (value, key) => eachText(value, key, query),
    text: (value, key) => eachText(value, key, text),
    "db-statement": (value, key, attributes) => {
      const system = attributes["db.system.name"] ?? attributes["db.system"];
      return dbQueries ? eachText(value, key, (one) => statement(one, system)) : other(value, key, attributes);
    },
    "db-parameter": dbQueries ? secret("db") : other,
    "secret-header": secret("header"),
    "secret-key": secret("key"),
    other,
  };

  function eachText(value: AttributeValue, key: string, change: (text: string) => string): AttributeValue {
    if (typeof value === "string") return change(value);
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    if (Array.isArray(value)) {
      const changed = value.map((one: AttributeValue) => eachText(one, key, change));
      return changed.some((one, index) => one !== value[index]) ? changed : value;
    }
    // A map's members have keys too: `user` and in it `email` are `user.email`.
    const members = value as Attributes;
    const entries = Object.entries(members).map(
      ([name, one]) => [name, changed(one, `${key}.${name}`, members)] as const,
    );
    return entries.some(([name, one]) => one !== members[name]) ? Object.fromEntries(entries) : value;
  }

  function changed(value: AttributeValue, key: string, attributes: Attributes): AttributeValue {
    return value === undefined ? value : (changes.get(key) ?? remember(key))(value, key, attributes);
  }

  function remember(key: string): Change {
    const change = changeOf[classify(key)];
    if (key.length > MAX_KEY_LENGTH) return change;
    if (changes.size >= MAX_KEYS) changes.clear();
    changes.set(key, change);
    return change;
  }

  function attributes(all: Attributes): void {
    for (const key in all) {
      try {
        const value = all[key];
        const change = changes.get(key) ?? remember(key);
        if (value === undefined || (change === other && isQuick && typeof value !== "object")) continue;
        const after = change(value, key, all);
        if (after !== value) all[key] = after;
      } catch {
        // It cannot be read, or not be written: a getter, for one.
        Object.defineProperty(all, key, { value: REDACTED, enumerable: true });
      }
    }
  }

  return {
    url,
    text,
    attributes,
    counts,
  };
}
