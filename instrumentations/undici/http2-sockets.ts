// Which connections undici speaks HTTP/2 on, by node:http2: those calls have their spans by undici's channels.
import type { ClientHttp2Session } from "node:http2";
import { observe } from "../observe.ts";

const SPEAKS_HTTP2: unique symbol = Symbol("redtrail.undici-http2");

interface Marked {
  [SPEAKS_HTTP2]?: true;
}
interface Connected {
  readonly connectParams: { readonly version?: string };
  readonly socket: object;
}

let isObserving = false;

/** Marks the sockets from now on. */
export function observeHttp2Sockets(): void {
  if (isObserving) return;
  isObserving = true;
  observe<Connected>("undici:client:connected", ({ connectParams, socket }) => {
    if (connectParams.version === "h2") (socket as Marked)[SPEAKS_HTTP2] = true;
  });
}

export function speaksHttp2(socket: object): boolean {
  return (socket as Marked)[SPEAKS_HTTP2] === true;
}

/** A session shows its socket through a proxy, and a closed one refuses to be asked. */
export function isUndiciSession(session: ClientHttp2Session): boolean {
  try {
    return session.socket !== undefined && speaksHttp2(session.socket);
  } catch {
    return false;
  }
}
