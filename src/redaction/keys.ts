// What an attribute holds, by its key: names of the semantic conventions, present and former, and of what is still in use.
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/
import { createGlobTest } from "../glob.ts";

export type AttributeContent =
  /** A whole URL, or a path with its query. */
  | "url"
  /** A query without its `?`. */
  | "query"
  /** A statement in a database's language. */
  | "db-statement"
  /** What is bound to a statement's placeholders. */
  | "db-parameter"
  | "secret-header"
  /** Secret by REDTRAIL_REDACT_KEYS. */
  | "secret-key"
  /** Anything a person or a library has written, URLs included. */
  | "text"
  | "other";

const CONTENT: ReadonlyMap<string, AttributeContent> = new Map([
  ["url.full", "url"],
  ["url.original", "url"],
  ["http.url", "url"],
  ["http.target", "url"],
  ["url.path", "url"],
  ["url.query", "query"],
  ["db.query.text", "db-statement"],
  ["db.statement", "db-statement"],
  ["db.memcached.key", "db-parameter"],
  ["db.mysql.values", "db-parameter"],
  ["db.postgresql.values", "db-parameter"],
  ["db.connection_string", "text"],
  ["messaging.url", "text"],
  ["exception.message", "text"],
  ["exception.stacktrace", "text"],
  ["error.message", "text"],
  ["grpc.error_message", "text"],
  // Bots say where they are from.
  ["user_agent.original", "text"],
]);
const DB_PARAMETER = /^db\.(?:query|operation)\.parameter\./;
const HEADER = /^(?:http\.(?:request|response)\.header|rpc\.(?:\w+\.)?(?:request|response)\.metadata)\.(.+)$/;

/** Whole words at the end of one of the name's parts: `x-auth-token` and `x-api-key`, but not `x-remaining-tokens`. */
const SECRET_HEADER =
  /(?:auth|authorization|authentication-info|cookie2?|credentials?|jwt|pass(?:phrase|wd|word)|pwd|secret|session(?:-?id)?|signature|token|(?:access|account|api|app|auth|client|functions|master|private|secret|subscription)-?key)(?![a-z])/;

/** Header names may have `_` for `-`, as former conventions wrote them. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name.toLowerCase().replaceAll("_", "-"));
}

/** `globs`: keys that are secret, `*` for any characters, whatever the case. Every call looks at the whole key: remember the answer. */
export function createKeyClassifier(globs: readonly string[]): (key: string) => AttributeContent {
  const isSecret = createGlobTest(globs.map((glob) => glob.toLowerCase()));
  return (key) => {
    if (isSecret(key.toLowerCase())) return "secret-key";
    const known = CONTENT.get(key);
    if (known !== undefined) return known;
    const header = HEADER.exec(key)?.[1];
    if (header !== undefined) return isSecretHeader(header) ? "secret-header" : "url";
    return DB_PARAMETER.test(key) ? "db-parameter" : "other";
  };
}
