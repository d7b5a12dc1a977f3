// Where mysql2's pool loses the request that a call belongs to: a connection that another request gives back calls whoever waits
// for it, and a query that waits has the events of that connection.
import { EventEmitter } from "node:events";
import { context } from "@opentelemetry/api";

type Method = (this: unknown, ...args: unknown[]) => unknown;

interface Pool {
  getConnection?: Method;
  query?: Method;
}

/** `file`: v2 has the first, v3 the second. */
export function keepPoolContext(exports: unknown, file: string): void {
  if (file !== "lib/pool.js" && file !== "lib/base/pool.js") return;
  const { prototype = {} } = exports as { readonly prototype?: Pool };
  if (!Object.hasOwn(prototype, "getConnection")) return;
  const { getConnection, query } = prototype;
  prototype.getConnection = function getConnectionInContext(callback) {
    const bound = typeof callback === "function" ? context.bind(context.active(), callback) : callback;
    return getConnection?.call(this, bound);
  };
  prototype.query = function queryInContext(...args) {
    const command = query?.apply(this, args);
    return command instanceof EventEmitter ? context.bind(context.active(), command) : command;
  };
}
