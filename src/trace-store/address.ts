// Where a store is, read from its URL.
// https://www.iana.org/assignments/uri-schemes/prov/redis

export type StoreAddress = { readonly kind: "memory" } | RedisAddress;

export interface RedisAddress {
  readonly kind: "redis";
  /** Without credentials, fit for a message. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** A Unix socket, in place of host and port. */
  readonly path?: string;
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** @default 0 */
  readonly database: number;
}

const UNIX = /^unix:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\/[^?#]+)(?:\?db=(\d{1,5}))?$/;
const DATABASE = /^(?:\/(\d{1,5})?)?$/;

/** Undefined for what is no address: `redis://`, `rediss://`, `unix://`, `memory:`. */
export function parseStoreAddress(text: string): StoreAddress | undefined {
  if (text === "memory:") return { kind: "memory" };
  try {
    return text.startsWith("unix:") ? parseUnix(text) : parseRedis(text);
  } catch {
    // A percent sign that stands for nothing.
    return undefined;
  }
}

function parseRedis(text: string): RedisAddress | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "redis:" && url.protocol !== "rediss:")) return undefined;
  const database = DATABASE.exec(url.pathname);
  // What stands in the query is nothing that we know, and so nothing that we would do.
  if (database === null || url.hostname === "" || url.search !== "" || url.hash !== "") return undefined;
  const port = url.port === "" ? 6379 : Number(url.port);
  return {
    kind: "redis",
    name: `${url.protocol}//${url.hostname}:${port}`,
    // URLs keep the brackets of an IPv6 address, and sockets do not understand them.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    isTls: url.protocol === "rediss:",
    ...credentials(url.username, url.password),
    database: Number(database[1] ?? 0),
  };
}

function parseUnix(text: string): RedisAddress | undefined {
  const match = UNIX.exec(text);
  if (match === null) return undefined;
  const [, username = "", password = "", encodedPath = "", database = "0"] = match;
  const path = decodeURIComponent(encodedPath);
  return {
    kind: "redis",
    name: `unix://${path}`,
    host: "",
    port: 0,
    path,
    isTls: false,
    ...credentials(username, password),
    database: Number(database),
  };
}

function credentials(username: string, password: string): Pick<RedisAddress, "username" | "password"> {
  return {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}
