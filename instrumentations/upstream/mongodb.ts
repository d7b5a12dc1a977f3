// What upstream's spans of MongoDB lack: the collection of most commands, a text of bounded size, errors of single writes.
import { type Span, SpanStatusCode } from "@opentelemetry/api";
import { finishDatabaseSpan } from "./database.ts";
import type { EndingSpan } from "./spans.ts";

/** Characters of a command's text at most, and levels that it is looked into. */
const MAX_LENGTH = 2_000;
const MAX_DEPTH = 8;

/**
 * A command as JSON with `"?"` for its values, as upstream writes it: `{"find":"users","filter":{"name":"?"}}`. The name of the
 * collection stays; of many documents the first stands for all. Where it gets too long, the rest is left out.
 */
export function commandText(command: Readonly<Record<string, unknown>>): string {
  let length = 0;

  function write(value: unknown, depth: number): string {
    if (length > MAX_LENGTH || depth > MAX_DEPTH || !isContainer(value)) return '"?"';
    if (Array.isArray(value))
      return `[${value
        .slice(0, 10)
        .map((one) => write(one, depth + 1))
        .join(",")}]`;
    const members: string[] = [];
    for (const [key, one] of Object.entries(value)) {
      length += key.length + 6;
      if (length > MAX_LENGTH) break;
      members.push(
        `${JSON.stringify(key)}:${depth === 0 && members.length === 0 ? first(one) : write(one, depth + 1)}`,
      );
    }
    return `{${members.join(",")}}`;
  }

  function first(value: unknown): string {
    return typeof value === "string" ? JSON.stringify(value) : write(value, 1);
  }

  return write(withOneDocument(command), 0);
}

/** The driver has inserted documents as an array or, from 6.10 on, as a sequence that holds their bytes too. */
function withOneDocument(command: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const changed: Record<string, unknown> = { ...command };
  for (const key of ["documents", "updates", "deletes"]) {
    const { [key]: value } = command;
    const all = Array.isArray(value) ? value : (value as { readonly documents?: unknown } | undefined)?.documents;
    if (Array.isArray(all)) changed[key] = all.slice(0, 1);
  }
  return changed;
}

/** Plain objects and arrays; ids, dates and bytes are values. */
function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const COLLECTION = /^\{"(\w+)":"(?!\?")((?:[^"\\]|\\.){1,255})"/;

export function finishMongoSpan(span: EndingSpan): void {
  const { attributes } = span;
  if (attributes["db.collection.name"] === "$cmd") {
    const [, operation, collection] = COLLECTION.exec(String(attributes["db.query.text"])) ?? [];
    if (operation === attributes["db.operation.name"]) span.setAttribute("db.collection.name", collection);
    // A command of the database, or of the server.
    else delete attributes["db.collection.name"];
  }
  finishDatabaseSpan(span);
}

interface Reply {
  readonly writeErrors?: readonly { readonly errmsg?: unknown; readonly code?: unknown }[];
  /** Of replies that are read when they are asked (driver 6.6 and later). */
  readonly has?: (name: string) => boolean;
  readonly toObject?: () => Reply;
}

/** A command succeeds that has written nothing, and says so in its reply. */
export function failOnWriteErrors(span: Span, { data }: { readonly data?: Reply | null }): void {
  const reply = data?.has?.("writeErrors") === true ? data.toObject?.() : data;
  const [error] = reply?.writeErrors ?? [];
  if (error === undefined) return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: String(error.errmsg) });
  if (typeof error.code === "number") span.setAttribute("db.response.status_code", String(error.code));
}
