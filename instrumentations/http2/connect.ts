// Sees the sessions that an app makes by `http2.connect`, whatever module system it got that from.
import type { ClientHttp2Session, ClientSessionOptions } from "node:http2";
import { promisify } from "node:util";
import { log } from "../../src/diagnostics/log.ts";
import type { ModuleWatcher } from "../modules.ts";

/** Where a session leads to. */
export interface Origin {
  readonly scheme: string;
  /** Host and port, the latter only where it is not the scheme's own. */
  readonly authority: string;
}

export type OnSession = (session: ClientHttp2Session, origin: Origin) => void;

type Connect = (authority: unknown, options?: unknown, listener?: unknown) => ClientHttp2Session;
interface Exports {
  connect: Connect;
  readonly default?: Exports;
}

/** node:http2 is loaded by the app or not at all: it takes 6 to 20 ms. */
export function watchSessions(modules: ModuleWatcher, onSession: OnSession): void {
  let known: { readonly original: Connect; readonly watched: Connect } | undefined;

  function replace(exports: Exports): void {
    const { connect } = exports;
    if (typeof connect !== "function" || connect === known?.watched) return;
    if (connect !== known?.original) known = { original: connect, watched: watchedConnect(connect, onSession) };
    exports.connect = known.watched;
  }

  modules.watch("http2", (exports) => {
    // An ES module imports a copy of the names, and the module itself as `default`.
    const { default: itself } = exports as Exports;
    if (itself !== undefined) replace(itself);
    replace(exports as Exports);
  });
}

function watchedConnect(connect: Connect, onSession: OnSession): Connect {
  function connectAndTell(this: unknown, ...args: Parameters<Connect>): ClientHttp2Session {
    const session = connect.apply(this, args);
    tell(session, args);
    return session;
  }

  function tell(session: ClientHttp2Session, [authority, options]: Parameters<Connect>): void {
    try {
      onSession(session, originOf(authority, typeof options === "object" ? (options ?? undefined) : undefined));
    } catch (error) {
      log.warnSometimes("http2 session", `a session could not be watched (${String(error)}); its calls are not traced`);
    }
  }

  // Node's own promise of a session goes by Node's own `connect`.
  const custom = (connect as { readonly [promisify.custom]?: typeof connectSoon })[promisify.custom];
  async function connectSoon(...args: [authority: unknown, options?: unknown]): Promise<ClientHttp2Session> {
    const session = await (custom as typeof connectSoon)(...args);
    tell(session, args);
    return session;
  }
  if (custom !== undefined) Object.defineProperty(connectAndTell, promisify.custom, { value: connectSoon });
  return Object.defineProperties(connectAndTell, {
    name: { value: connect.name },
    length: { value: connect.length },
  });
}

/** As Node reads what `connect` is given. */
function originOf(given: unknown, options: Partial<ClientSessionOptions> | undefined): Origin {
  const url = typeof given === "string" ? new URL(given) : (given as Partial<URL>);
  const protocol = url.protocol || options?.protocol || "https:";
  const host = url.hostname || url.host || "localhost";
  const port = Number(url.port) || (url.protocol === "http:" ? 80 : 443);
  const isDefault = port === (protocol === "http:" ? 80 : 443);
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return { scheme: protocol.slice(0, -1), authority: isDefault ? name : `${name}:${port}` };
}
